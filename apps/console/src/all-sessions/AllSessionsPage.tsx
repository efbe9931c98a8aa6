import { hasRole } from "@user-service/domain/Role"
import { EndAllSessionsInput } from "@user-service/schema/http/admin/StaffOperationsApi"
import { useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate, useRouteContext } from "@tanstack/react-router"
import { Effect } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { ReasonForm } from "../ui/ReasonForm.tsx"
import { ForbiddenPage } from "../ui/States.tsx"
import { useTitle } from "../ui/Title.ts"

const fields = [
  {
    name: "confirm",
    label: "Whose sessions",
    type: "text",
    value: "",
    hint: (
      <>
        Type <code>all users</code> to confirm.
      </>
    ),
    isRequired: true
  }
] as const

/** The end of all sessions of all users, also of the member of staff who asks for it. */
export const AllSessionsPage = () => {
  useTitle("End the sessions of all users")
  const { session } = useRouteContext({ from: "/staff" })
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  if (!hasRole(session.role, "admin")) return <ForbiddenPage />
  const done = async () => {
    await navigate({ to: "/sign-in", search: { ended: "all" }, replace: true })
    // Afterwards: while this page is shown, it would ask for the session again.
    queryClient.clear()
  }
  return (
    <>
      <h1>End the sessions of all users</h1>
      <div className="card narrow">
        <p>
          Ends every session of every user at once, for example after a signing key or a backup was stolen. It cannot be
          undone.
        </p>
        <ul className="list">
          <li>All users have to log in again on each device. You have to sign in to the console again.</li>
          <li>All processes of the service refuse the old sessions within a second.</li>
          <li>Push tokens are deactivated: apps get no push notifications until they register again.</li>
          <li>Passwords and settings stay as they are.</li>
        </ul>
        <p className="soft">
          To end the sessions of one user, open the user from the <Link to="/">list of users</Link>.
        </p>
        <ReasonForm
          label="End the sessions of all users"
          isDestructive
          fields={fields}
          perform={({ reason, values }) =>
            run(
              Effect.flatMap(
                decodeInput(EndAllSessionsInput)({ reason, confirm: values["confirm"] ?? "" }),
                (payload) => api["admin-operations"].endAllSessions({ payload })
              )
            )
          }
          onDone={done}
          onCancel={() => navigate({ to: "/" })}
        />
      </div>
    </>
  )
}
