import type { StaffSessionBody } from "@user-service/schema/http/admin/StaffSessionApi"
import { Link } from "@tanstack/react-router"
import { mayAct, userAct, type UserActName } from "./UserActs.ts"
import type { UserView } from "./UserQuery.ts"

interface ActLinkProps {
  readonly name: UserActName
  readonly record: UserView
  readonly session: typeof StaffSessionBody.Type
  readonly target?: string
  /** What the act is on, for screen readers, where the same act is offered several times. */
  readonly on?: string
  readonly label?: string
  readonly isButton?: boolean
}

/** Opens the dialog of an act, if it makes sense and the member of staff may do it. */
export const ActLink = ({ isButton = false, label, name, on, record, session, target }: ActLinkProps) => {
  const act = userAct(name)
  if (!mayAct(act, record, session) || !act.isOffered(record, target ?? "")) return null
  return (
    <Link
      to="/users/$id"
      params={{ id: record.user.id }}
      search={target === undefined ? { act: name } : { act: name, target }}
      resetScroll={false}
      preload={false}
      className={isButton ? "button" : undefined}
      {...(on === undefined ? {} : { "aria-label": `${label ?? act.label}: ${on}` })}
    >
      {label ?? act.label}
    </Link>
  )
}
