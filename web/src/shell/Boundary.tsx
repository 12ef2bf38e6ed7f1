import { Component, type ReactNode } from 'react'

interface State {
  failure: Error | null
}

/** Keeps the frame usable when a page fails to load or to draw. */
export class Boundary extends Component<{ children: ReactNode }, State> {
  override state: State = { failure: null }

  static getDerivedStateFromError(failure: Error): State {
    return { failure }
  }

  override render() {
    if (this.state.failure === null) return this.props.children
    return (
      <div className="fill-center">
        <div className="empty" role="alert">
          <h1>This page could not be shown</h1>
          <p className="muted">{this.state.failure.message}</p>
          <button type="button" className="button" onClick={() => window.location.reload()}>
            Reload
          </button>
        </div>
      </div>
    )
  }
}
