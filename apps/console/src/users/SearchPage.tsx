import { Role } from "@user-service/domain/Role"
import { type UserSort, UserState } from "@user-service/domain/UserSearch"
import { useInfiniteQuery } from "@tanstack/react-query"
import { Link, useLocation, useNavigate, useSearch } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { Form } from "react-aria-components/Form"
import { Badge } from "../ui/Badge.tsx"
import { Button } from "../ui/Button.tsx"
import { Choice } from "../ui/Choice.tsx"
import { DataTable } from "../ui/DataTable.tsx"
import { Field } from "../ui/Field.tsx"
import { PagedList } from "../ui/PagedList.tsx"
import { Time } from "../ui/Time.tsx"
import { useTitle } from "../ui/Title.ts"
import { type SearchFilter, searchIn, searchQuery } from "./SearchQuery.ts"
import { textOf } from "./SearchText.ts"
import { StateBadges } from "./StateBadges.tsx"

/**
 * The search of users. Its link has the filter in the query and the text in the fragment, which browsers do not send: the text may be
 * an address or a push token, and proxies log URLs.
 */
export const SearchPage = () => {
  useTitle("Users")
  const { notice, ...filter } = searchIn(useSearch({ from: "/staff/" }))
  const hash = useLocation({ select: (location) => location.hash })
  const q = textOf(hash)
  const search = useInfiniteQuery(searchQuery(q, filter))
  return (
    <>
      <h1>Users</h1>
      {notice === "erased" ? <output className="done">The user is erased.</output> : null}
      <SearchForm key={q} q={q} filter={filter} />
      <div className="card">
        <PagedList query={search} more="More users">
          {(users) => (
            <>
              <DataTable
                label="Users"
                empty={search.hasNextPage ? "None so far." : "No user matches."}
                rows={users}
                keyOf={({ id }) => id}
                columns={[
                  {
                    title: "E-mail address",
                    sort: sortOf("email", filter, hash),
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
                        {user.role === null ? null : <Badge>{user.role}</Badge>}
                      </span>
                    )
                  },
                  {
                    title: "Last login",
                    sort: sortOf("last_login", filter, hash),
                    cell: ({ last_login }) => <Time at={last_login} />
                  },
                  {
                    title: "Registered",
                    sort: sortOf("created_at", filter, hash),
                    cell: ({ created_at }) => <Time at={created_at} />
                  }
                ]}
              />
              {users.length <= 1 && mayBeNotification(q) ? (
                <p className="after">
                  If it is the id of a notification:{" "}
                  <Link to="/deliveries" search={{ notification_id: q }}>
                    what happened to it
                  </Link>
                </p>
              ) : null}
            </>
          )}
        </PagedList>
      </div>
    </>
  )
}

// Anything but an address, within the length of an id.
const mayBeNotification = (q: string): boolean => q !== "" && !q.includes("@") && q.length <= 128

const sortOf = (column: "email" | "last_login" | "created_at", filter: SearchFilter, hash: string) => {
  const current = filter.sort ?? "-created_at"
  const direction = current === column ? "ascending" : current === `-${column}` ? "descending" : undefined
  const sort: UserSort = direction === "descending" ? column : `-${column}`
  return { direction, link: { to: "/", search: { ...filter, sort }, hash, replace: true, resetScroll: false } } as const
}

const SearchForm = ({ filter, q }: { filter: SearchFilter; q: string }) => {
  const navigate = useNavigate()
  const [text, setText] = useState(q)
  const go = (next: SearchFilter) =>
    navigate({ to: "/", search: next, hash: encodeURIComponent(text.trim()), resetScroll: false })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void go(filter)
  }
  const { role: _role, ...withoutRole } = filter
  const { state: _state, ...withoutState } = filter
  return (
    <Form className="search" onSubmit={submit}>
      <Field
        label="Search"
        name="q"
        type="search"
        hint="E-mail address, username, phone, push token, or the id of a user, session or notification."
        autoComplete="off"
        autoFocus
        value={text}
        onChange={setText}
      />
      <Choice
        label="State"
        value={filter.state}
        options={UserState.literals}
        none="any"
        onChange={(state) => go(state === undefined ? withoutState : { ...filter, state })}
      />
      <Choice
        label="Role"
        value={filter.role}
        options={Role.literals}
        none="any"
        onChange={(role) => go(role === undefined ? withoutRole : { ...filter, role })}
      />
      <Button look="primary" type="submit">
        Search
      </Button>
    </Form>
  )
}
