import { Dialog } from '../ui/Dialog'
import { Keys } from '../ui/Keys'

const GROUPS: { title: string; keys: [keys: string, does: string][] }[] = [
  {
    title: 'Everywhere',
    keys: [
      ['g u', 'Users'],
      ['g t', 'Table Editor'],
      ['g s', 'SQL Editor'],
      ['?', 'This list'],
      ['Esc', 'Close what is open'],
    ],
  },
  {
    title: 'Users',
    keys: [
      ['/', 'Search'],
      ['j', 'Next user (or ↓)'],
      ['k', 'Previous user (or ↑)'],
      ['Enter', 'Open user'],
      ['n', 'Create user'],
      ['r', 'Reload'],
    ],
  },
  {
    title: 'Grids',
    keys: [
      ['← ↑ → ↓', 'Move between cells'],
      ['Enter', 'View or edit the cell'],
      ['Space', 'Select the row'],
      ['Mod+C', 'Copy the cell'],
      ['f', 'Filter (Table Editor)'],
    ],
  },
  {
    title: 'SQL Editor',
    keys: [
      ['Mod+Enter', 'Run all, or the selection'],
      ['Esc Tab', 'Leave the editor by keyboard'],
    ],
  },
]

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} wide>
      <div className="shortcut-groups">
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([keys, does]) => (
                <div key={keys + does}>
                  <dt>
                    <Keys keys={keys} />
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
