import { hasRole, Role } from "@user-service/domain/Role"
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate, useRouteContext, useSearch } from "@tanstack/react-router"
import { type ReactNode, useState } from "react"
import { asApiFailure } from "../api/ApiFailure.ts"
import { Badge } from "../ui/Badge.tsx"
import { Choice } from "../ui/Choice.tsx"
import { DataTable } from "../ui/DataTable.tsx"
import { PagedList } from "../ui/PagedList.tsx"
import { ReasonDialog } from "../ui/ReasonDialog.tsx"
import { Section } from "../ui/Section.tsx"
import { FailureText, ForbiddenPage, OwnAccountPage } from "../ui/States.tsx"
import { Time } from "../ui/Time.tsx"
import { useTitle } from "../ui/Title.ts"
import { searchQuery } from "../users/SearchQuery.ts"
import { StateBadges } from "../users/StateBadges.tsx"
import { userQuery } from "../users/UserQuery.ts"
import { invitationFields, invite } from "./Invitation.ts"
import { roleAct } from "../users/RoleAct.ts"
import { roleRights } from "./RoleRights.ts"
import { type StaffLinkSearch, staffSearchIn } from "./StaffSearch.ts"

/** The users with a role. The selected role, the order and the open act are in the link. */
export const StaffPage = () => {
  useTitle("Staff")
  const { act, target, ...selection } = staffSearchIn(useSearch({ from: "/staff/staff" }))
  const { session } = useRouteContext({ from: "/staff" })
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [result, setResult] = useState<ReactNode>()
  const isAdmin = hasRole(session.role, "admin")

  const close = () => navigate({ to: "/staff", search: selection, replace: true, resetScroll: false })
  const done = async (text: ReactNode) => {
    // First, so that the page never shows the result beside the old state.
    await Promise.all([
      queryClient.invalidateQueries({ queryKey: ["search"] }),
      queryClient.invalidateQueries({ queryKey: ["users"] })
    ])
    setResult(text)
    await close()
  }

  if (act !== undefined && !isAdmin) return <ForbiddenPage />
  if (act === "role" && target === session.user.id) return <OwnAccountPage />
  return (
    <>
      <header className="heading">
        <h1>Staff</h1>
        {isAdmin ? (
          <Link to="/staff" search={{ ...selection, act: "invite" }} preload={false} className="button">
            Invite a user
          </Link>
        ) : null}
      </header>
      <output className={result === undefined ? "visually-hidden" : "done"}>{result}</output>
      <div className="search">
        <Choice
          label="Role"
          none="any"
          value={selection.role}
          options={Role.literals}
          onChange={(role) => {
            const { role: _role, ...others } = selection
            return navigate({ to: "/staff", search: role === undefined ? others : { ...others, role } })
          }}
        />
      </div>
      {roleRights
        .filter(({ role }) => selection.role === undefined || selection.role === role)
        .toReversed()
        .map(({ role, title }) => (
          <Members key={role} role={role} title={title} selection={selection} />
        ))}
      <Section id="rights" title="What each role may do">
        <DataTable
          label="Rights"
          empty=""
          rows={roleRights}
          keyOf={({ role }) => role}
          columns={[
            { title: "Role", cell: ({ role }) => <Badge>{role}</Badge> },
            { title: "Rights", cell: ({ rights }) => rights }
          ]}
        />
        {isAdmin ? (
          <p className="soft">
            To give a role to somebody else, open them from the <Link to="/">list of users</Link> and change their role
            there.
          </p>
        ) : null}
      </Section>
      {act === "invite" ? <InviteDialog onClose={close} onDone={done} /> : null}
      {act === "role" && target !== undefined ? (
        <RoleDialog key={target} id={target} onClose={close} onDone={done} />
      ) : null}
    </>
  )
}

type Selection = Omit<StaffLinkSearch, "act" | "target">

interface MembersProps {
  readonly role: Role
  readonly title: string
  readonly selection: Selection
}

const sortOf = (column: "email" | "last_login", selection: Selection) => {
  const current = selection.sort ?? "email"
  const direction = current === column ? "ascending" : current === `-${column}` ? "descending" : undefined
  const sort = direction === "ascending" ? (`-${column}` as const) : column
  return {
    direction,
    link: { to: "/staff", search: { ...selection, sort }, replace: true, resetScroll: false }
  } as const
}

const Members = ({ role, selection, title }: MembersProps) => {
  const { session } = useRouteContext({ from: "/staff" })
  const members = useInfiniteQuery(searchQuery("", { role, sort: selection.sort ?? "email" }))
  const isAdmin = hasRole(session.role, "admin")
  return (
    <Section id={role} title={title}>
      <PagedList query={members} more={`More with the role ${role}`}>
        {(users) => (
          <DataTable
            label={title}
            empty={members.hasNextPage ? "None so far." : "Nobody has this role."}
            rows={users}
            keyOf={({ id }) => id}
            columns={[
              {
                title: "E-mail address",
                sort: sortOf("email", selection),
                cell: ({ email, id }) => (
                  <Link to="/users/$id" params={{ id }}>
                    {email}
                  </Link>
                )
              },
              { title: "Username", cell: ({ username }) => username },
              {
                title: "State",
                cell: (user) => (
                  <span className="badges">
                    <StateBadges {...user} />
                    {user.id === session.user.id ? <Badge>you</Badge> : null}
                  </span>
                )
              },
              {
                title: "Last login",
                sort: sortOf("last_login", selection),
                cell: ({ last_login }) => <Time at={last_login} />
              },
              ...(isAdmin
                ? [
                    {
                      title: "Act",
                      // Nobody changes their own role.
                      cell: ({ email, id }: { readonly email: string; readonly id: string }) =>
                        id === session.user.id ? null : (
                          <Link
                            to="/staff"
                            search={{ ...selection, act: "role", target: id }}
                            resetScroll={false}
                            preload={false}
                            aria-label={`${roleAct.label}: ${email}`}
                          >
                            {roleAct.label}
                          </Link>
                        )
                    }
                  ]
                : [])
            ]}
          />
        )}
      </PagedList>
    </Section>
  )
}

interface DialogProps {
  readonly onClose: () => void
  readonly onDone: (result: ReactNode) => unknown
}

const InviteDialog = ({ onClose, onDone }: DialogProps) => (
  <ReasonDialog
    label="Invite a user"
    effect="Creates an account without a role, and mails a link to set a password. Nobody types a password for somebody else."
    fields={invitationFields}
    perform={invite}
    onClose={onClose}
    onDone={({ email, id }) =>
      onDone(
        <>
          {email} is invited.{" "}
          <Link to="/staff" search={{ act: "role", target: id }} preload={false}>
            Give them a role
          </Link>
        </>
      )
    }
  />
)

const RoleDialog = ({ id, onClose, onDone }: DialogProps & { readonly id: string }) => {
  const user = useQuery(userQuery(id))
  if (user.isError) {
    return (
      <div className="alert" role="alert">
        <FailureText failure={asApiFailure(user.error)} />
      </div>
    )
  }
  return user.isPending ? null : (
    <ReasonDialog
      label={roleAct.label}
      effect={roleAct.effect(user.data)}
      fields={roleAct.fields(user.data)}
      perform={(input) => roleAct.perform(user.data, input)}
      onClose={onClose}
      onDone={onDone}
    />
  )
}
