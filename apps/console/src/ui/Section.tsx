import type { ReactNode } from "react"

interface SectionProps {
  readonly id: string
  readonly title: string
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A part of a page, which links can address by its id. */
export const Section = ({ actions, children, id, title }: SectionProps) => (
  <section className="card section" id={id} aria-labelledby={`${id}-title`}>
    <header>
      <h2 id={`${id}-title`}>{title}</h2>
      {actions}
    </header>
    {children}
  </section>
)
