import type { AuditEntryBody } from "@user-service/schema/AuditEntry"
import { Link } from "@tanstack/react-router"

type Entry = typeof AuditEntryBody.Type

/** A link to a user of an entry, who may be erased. */
export const EntryUser = ({ id }: { id: string | null }) =>
  id === null ? (
    <span className="soft">none</span>
  ) : (
    <Link to="/users/$id" params={{ id }}>
      <code>{id}</code>
    </Link>
  )

/** Who acted. */
export const EntryActor = ({ entry: { actor_id, user_id } }: { entry: Entry }) => {
  if (actor_id === null) return <span className="soft">the service</span>
  return actor_id === user_id ? <span>the user</span> : <EntryUser id={actor_id} />
}

export const EntryDetails = ({ entry: { details } }: { entry: Entry }) =>
  Object.keys(details).length === 0 ? null : <code className="agent">{JSON.stringify(details)}</code>
