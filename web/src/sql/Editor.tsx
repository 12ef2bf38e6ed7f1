import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab, toggleComment } from '@codemirror/commands'
import { PostgreSQL, sql, type SQLNamespace } from '@codemirror/lang-sql'
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language'
import { Compartment, EditorState, Prec, StateEffect, StateField } from '@codemirror/state'
import { Decoration, drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, placeholder, type DecorationSet } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { useEffect, useImperativeHandle, useRef, type Ref } from 'react'

/** What the page may ask of the editor. */
export interface EditorHandle {
  /** The selected text, else everything; `from` is where it begins. */
  textToRun: () => { text: string; from: number }
  setText: (text: string) => void
  /** Marks a span as wrong and brings it into view; null removes the mark. */
  mark: (span: { from: number; to: number } | null) => void
  focus: () => void
}

interface EditorProps {
  handle: Ref<EditorHandle>
  initial: string
  /** Table names for completion. */
  names: SQLNamespace
  onChange: (text: string) => void
  onRun: () => void
}

const setMark = StateEffect.define<{ from: number; to: number } | null>()

const wrong = Decoration.mark({ class: 'cm-wrong' })
const wrongLine = Decoration.line({ class: 'cm-wrong-line' })

/** The mark at an error; any edit removes it. */
const markField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(setMark)) continue
      if (effect.value === null) return Decoration.none
      const { from, to } = effect.value
      const line = transaction.state.doc.lineAt(from)
      const spans = [wrongLine.range(line.from)]
      if (to > from) spans.push(wrong.range(from, to))
      return Decoration.set(spans, true)
    }
    return transaction.docChanged ? Decoration.none : marks
  },
  provide: (field) => EditorView.decorations.from(field),
})

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--code-keyword)', fontWeight: '500' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
  { tag: tags.comment, color: 'var(--faint)', fontStyle: 'italic' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--code-type)' },
])

const look = EditorView.theme({
  '&': { height: '100%', fontSize: '13px', color: 'var(--text)', backgroundColor: 'var(--surface)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6' },
  '.cm-content': { caretColor: 'var(--text)', padding: '10px 0' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--faint)', border: 'none', paddingLeft: '6px' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--text) 4%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--selection)',
  },
  '.cm-placeholder': { color: 'var(--faint)' },
  '.cm-wrong': { textDecoration: 'underline wavy var(--danger)', textUnderlineOffset: '3px' },
  '.cm-wrong-line': { backgroundColor: 'var(--danger-soft)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
    overflow: 'hidden',
    color: 'var(--text)',
  },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
})

const language = (names: SQLNamespace) =>
  sql({ dialect: PostgreSQL, schema: names, defaultSchema: 'public', upperCaseKeywords: false })

/**
 * CodeMirror in a shadow tree: there it adopts a constructed style sheet, where in the document it would add
 * a style element, which `style-src 'self'` forbids.
 */
export function Editor({ handle, initial, names, onChange, onRun }: EditorProps) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const languageSlot = useRef(new Compartment())
  const latest = useRef({ onChange, onRun })
  latest.current = { onChange, onRun }
  const start = useRef({ initial, names })

  useEffect(() => {
    const element = host.current
    if (!element) return
    const root = element.shadowRoot ?? element.attachShadow({ mode: 'open' })
    const run = (target: EditorView) => {
      closeCompletion(target)
      latest.current.onRun()
      return true
    }
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: start.current.initial,
        extensions: [
          Prec.highest(
            keymap.of([
              { key: 'Mod-Enter', run },
              { key: 'Tab', run: acceptCompletion },
            ]),
          ),
          lineNumbers(),
          highlightActiveLineGutter(),
          highlightActiveLine(),
          history(),
          drawSelection(),
          EditorState.allowMultipleSelections.of(true),
          indentOnInput(),
          indentUnit.of('  '),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ icons: false }),
          placeholder('select * from auth.users;'),
          keymap.of([
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...historyKeymap,
            ...completionKeymap,
            { key: 'Mod-/', run: toggleComment },
            indentWithTab,
          ]),
          languageSlot.current.of(language(start.current.names)),
          syntaxHighlighting(colours),
          markField,
          look,
          EditorView.contentAttributes.of({ 'aria-label': 'SQL query', spellcheck: 'false', autocapitalize: 'off' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString())
          }),
        ],
      }),
    })
    view.current = editor
    editor.focus()
    return () => {
      start.current.initial = editor.state.doc.toString()
      editor.destroy()
      view.current = null
    }
  }, [])

  useEffect(() => {
    view.current?.dispatch({ effects: languageSlot.current.reconfigure(language(names)) })
  }, [names])

  useImperativeHandle(handle, () => ({
    textToRun() {
      const state = view.current?.state
      if (!state) return { text: '', from: 0 }
      const { from, to } = state.selection.main
      if (from !== to && state.sliceDoc(from, to).trim() !== '') return { text: state.sliceDoc(from, to), from }
      return { text: state.doc.toString(), from: 0 }
    },
    setText(text) {
      const editor = view.current
      if (!editor) return
      editor.dispatch({
        changes: { from: 0, to: editor.state.doc.length, insert: text },
        selection: { anchor: 0 },
        scrollIntoView: true,
      })
      editor.focus()
    },
    mark(span) {
      const editor = view.current
      if (!editor) return
      const length = editor.state.doc.length
      const fits = span !== null && span.from <= length
      editor.dispatch({
        effects: fits
          ? [
              setMark.of({ from: span.from, to: Math.min(span.to, length) }),
              EditorView.scrollIntoView(span.from, { y: 'center' }),
            ]
          : [setMark.of(null)],
      })
    },
    focus: () => view.current?.focus(),
  }))

  return <div className="sql-editor" ref={host} />
}
