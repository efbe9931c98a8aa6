import { hasRole } from "@user-service/domain/Role"
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, Outlet, useNavigate, useRouteContext } from "@tanstack/react-router"
import { ApiFailure } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { sessionQuery } from "../session/SessionQuery.ts"
import { Button } from "../ui/Button.tsx"
import { navigation } from "./Navigation.ts"
import { ThemeButton } from "./ThemeButton.tsx"

/** The frame of all pages for staff who are signed in. */
export const Shell = () => {
  const initial = useRouteContext({ from: "/staff" }).session
  const { data: session = initial } = useQuery(sessionQuery)
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="bar">
        <Link to="/" className="product">
          User Service
        </Link>
        <nav aria-label="Pages">
          <ul ref={showCurrentPage}>
            {navigation
              .filter(({ role }) => hasRole(session.role, role))
              .map(({ label, to }) => (
                <li key={to}>
                  <Link to={to} activeOptions={{ exact: to === "/", includeSearch: false }}>
                    {label}
                  </Link>
                </li>
              ))}
          </ul>
        </nav>
        <div className="account">
          <span className="who">
            <span className="email">{session.user.email}</span> <span className="badge">{session.role}</span>
          </span>
          <ThemeButton />
          <SignOut />
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  )
}

// On narrow screens the navigation scrolls sideways.
const showCurrentPage = (list: HTMLUListElement | null): void =>
  list?.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "nearest" })

const SignOut = () => {
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const signOut = useMutation({
    mutationFn: async () => {
      try {
        await run(api["admin-session"].end({}))
      } catch (error) {
        // The session has ended already.
        if (!(error instanceof ApiFailure && (error.status === 401 || error.status === 404))) throw error
      }
    },
    onSuccess: async () => {
      queryClient.clear()
      await navigate({ to: "/sign-in", replace: true })
    }
  })
  return (
    <>
      <Button look="quiet" onClick={() => signOut.mutate()} isBusy={signOut.isPending}>
        Sign out
      </Button>
      {signOut.isError ? (
        <span className="alert" role="alert">
          You are still signed in: the service did not answer. Try again.
        </span>
      ) : null}
    </>
  )
}
