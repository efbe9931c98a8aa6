import { useQueryClient, useSuspenseQuery } from "@tanstack/react-query"
import { Link, useNavigate, useParams, useRouteContext, useSearch } from "@tanstack/react-router"
import { useState } from "react"
import { Badge } from "../ui/Badge.tsx"
import { ForbiddenPage, OwnAccountPage } from "../ui/States.tsx"
import { useTitle } from "../ui/Title.ts"
import { ActDialog } from "./ActDialog.tsx"
import { ActLink } from "./ActLink.tsx"
import { isRefusedOnSelf, mayAct, userAct, type UserActName, userLinkIn } from "./UserActs.ts"
import { userQuery } from "./UserQuery.ts"
import {
  AccountSection,
  DeliveriesSection,
  DevicesSection,
  LogSection,
  PreferencesSection,
  SessionsSection,
  SuppressionsSection
} from "./UserSections.tsx"

const accountActs: ReadonlyArray<UserActName> = [
  "edit",
  "change-email",
  "verify-email",
  "password-reset",
  "role",
  "enable",
  "disable",
  "erase"
]

/** A user, and what staff can do for them. The open act is in the link. */
export const UserPage = () => {
  const { id } = useParams({ from: "/staff/users/$id" })
  const { act, target = "" } = userLinkIn(useSearch({ from: "/staff/users/$id" }))
  const { session } = useRouteContext({ from: "/staff" })
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [result, setResult] = useState<string>()
  const { data: record } = useSuspenseQuery(userQuery(id))
  const { user } = record
  useTitle(user.email)

  const close = () => navigate({ to: "/users/$id", params: { id }, search: {}, replace: true, resetScroll: false })
  const done = async (text: string) => {
    if (act === "erase") {
      queryClient.removeQueries({ queryKey: ["users", id] })
      await navigate({ to: "/", search: { notice: "erased" }, replace: true })
      return
    }
    // First, so that the page never shows the result beside the old state.
    await queryClient.invalidateQueries({ queryKey: ["users", id] })
    await queryClient.invalidateQueries({ queryKey: ["search"] })
    setResult(text)
    await close()
  }

  const open = act === undefined ? undefined : userAct(act)
  if (open !== undefined && isRefusedOnSelf(open, record, session)) return <OwnAccountPage />
  if (open !== undefined && !mayAct(open, record, session)) return <ForbiddenPage />
  return (
    <>
      <header className="heading">
        <div>
          <h1>{user.profile.full_name}</h1>
          <p className="soft">{user.email}</p>
        </div>
        <div className="badges">
          <Badge tone={user.is_active ? "good" : "bad"}>{user.is_active ? "active" : "disabled"}</Badge>
          <Badge tone={user.is_verified ? "good" : "warn"}>{user.is_verified ? "verified" : "not verified"}</Badge>
          {record.role === null ? null : <Badge>{record.role}</Badge>}
          {record.suppressions.length === 0 ? null : <Badge tone="warn">suppressed</Badge>}
        </div>
      </header>
      <div className="actions">
        <Link
          to="/users/$id/why"
          params={{ id }}
          search={{ channel: "email", category: "transactional" }}
          className="button primary"
        >
          Why not received
        </Link>
        {accountActs.map((name) => (
          <ActLink key={name} name={name} record={record} session={session} isButton />
        ))}
        <Link to="/audit" search={{ user_id: id }} className="button">
          Audit log
        </Link>
      </div>
      <output className={result === undefined ? "visually-hidden" : "done"}>{result}</output>
      <div className="columns">
        <AccountSection record={record} session={session} />
        <PreferencesSection record={record} session={session} />
      </div>
      <SuppressionsSection record={record} session={session} />
      <SessionsSection record={record} session={session} />
      <DevicesSection record={record} session={session} />
      <DeliveriesSection record={record} session={session} />
      <LogSection record={record} session={session} />
      {open === undefined || !open.isOffered(record, target) ? null : (
        <ActDialog key={`${act} ${target}`} act={open} target={target} record={record} onClose={close} onDone={done} />
      )}
    </>
  )
}
