import { Link } from "@tanstack/react-router"
import type { ReactNode } from "react"
import { Badge } from "../ui/Badge.tsx"
import { durationText } from "../ui/PlotScale.ts"
import type { BacklogsView } from "./OperationsQuery.ts"

// The API counts no further.
const maxCount = 10_000

const format = new Intl.NumberFormat("en-GB")

const countText = (count: number): string =>
  count < maxCount ? format.format(count) : `${format.format(maxCount)} or more`

interface TileProps {
  readonly name: ReactNode
  readonly backlog: { readonly waiting: number; readonly oldest_at: string | null }
  /** When it was read, in milliseconds. */
  readonly readAt: number
  readonly children?: ReactNode
}

const Tile = ({ backlog: { oldest_at, waiting }, children, name, readAt }: TileProps) => (
  <div className="card tile">
    <dt>{name}</dt>
    <dd className="number">{countText(waiting)}</dd>
    <dd className="soft">
      {oldest_at === null ? (
        "nothing waits"
      ) : (
        <>
          oldest:{" "}
          <time dateTime={oldest_at} title={oldest_at}>
            {durationText(Math.max(0, readAt - new Date(oldest_at).getTime()) / 1000)}
          </time>
        </>
      )}
    </dd>
    {children === undefined ? null : <dd>{children}</dd>}
  </div>
)

/** What waits, and for how long the oldest of it has waited. */
export const BacklogTiles = ({ backlogs, readAt }: { backlogs: BacklogsView; readAt: number }) => (
  <dl className="tiles">
    <Tile name="Events" backlog={backlogs.events} readAt={readAt}>
      {backlogs.events.set_aside === 0 ? undefined : (
        <Badge tone="warn">{countText(backlogs.events.set_aside)} set aside</Badge>
      )}
    </Tile>
    <Tile name="Mails" backlog={backlogs.mails} readAt={readAt} />
    <Tile name="Password resets" backlog={backlogs.password_resets} readAt={readAt} />
    <Tile name={<Link to="/dead-letters">Dead letters</Link>} backlog={backlogs.dead_letters} readAt={readAt} />
  </dl>
)
