import { MutationCache, QueryCache, QueryClient, type QueryKey } from "@tanstack/react-query"
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  parseSearchWith,
  redirect,
  stringifySearchWith
} from "@tanstack/react-router"
import { ApiFailure } from "./api/ApiFailure.ts"
import { Shell } from "./shell/Shell.tsx"
import { filterIn } from "./audit/AuditLogQuery.ts"
import { notificationIn } from "./deliveries/DeliveriesQuery.ts"
import { deadLetterSearchIn } from "./dead-letters/DeadLetterActs.ts"
import { rangeIn } from "./operations/OperationsQuery.ts"
import { staffSearchIn } from "./staff/StaffSearch.ts"
import { isAttended } from "./session/Attention.ts"
import { returnPath } from "./session/ReturnPath.ts"
import { sessionQuery } from "./session/SessionQuery.ts"
import { searchIn } from "./users/SearchQuery.ts"
import { userLinkIn } from "./users/UserActs.ts"
import { userQuery } from "./users/UserQuery.ts"
import { whyIn } from "./why/WhyQuery.ts"
import { FailurePage, NotFoundPage, PendingPage } from "./ui/States.tsx"

const hasStatus = (error: unknown, status: number): boolean => error instanceof ApiFailure && error.status === status

/** The path and the query of the page, without the base. */
const currentPath = (): string => router.state.location.pathname + router.state.location.searchStr

/** Opens the page to sign in, which leads back to the current page. */
const askToSignIn = async (ended: true | "role"): Promise<void> => {
  const to = currentPath()
  const { hash } = router.state.location
  queryClient.clear()
  await router.navigate({ to: "/sign-in", search: { to: returnPath(to), ended }, hash, replace: true })
}

/**
 * A session that has ended is refused with 401. A user whose role was taken away gets the 404 of an unknown route everywhere, so after a
 * 404 the session tells whether that is the reason.
 */
const onError = (error: Error, queryKey?: QueryKey): void => {
  if (currentPath().startsWith("/sign-in")) return
  if (hasStatus(error, 401)) void askToSignIn(true)
  if (!hasStatus(error, 404)) return
  if (queryKey === sessionQuery.queryKey) void askToSignIn("role")
  else void queryClient.refetchQueries({ queryKey: sessionQuery.queryKey })
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (error, { queryKey }) => onError(error, queryKey) }),
  mutationCache: new MutationCache({ onError: (error) => onError(error) }),
  defaultOptions: {
    queries: {
      staleTime: 5000,
      refetchOnReconnect: isAttended,
      // A refusal stays one; the service may be back after a moment.
      retry: (count, error) => count < 2 && error instanceof ApiFailure && [0, 502, 503, 504].includes(error.status)
    },
    mutations: { retry: false }
  }
})

const rootRoute = createRootRouteWithContext<{ readonly queryClient: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFoundPage
})

const signInPage = lazyRouteComponent(() => import("./session/SignInPage.tsx"), "SignInPage")

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  validateSearch: (
    search: Record<string, unknown>
  ): { readonly to?: string; readonly ended?: true | "all" | "role" } => ({
    ...(typeof search["to"] === "string" ? { to: search["to"] } : {}),
    ...(search["ended"] === true || search["ended"] === "all" || search["ended"] === "role"
      ? { ended: search["ended"] }
      : {})
  }),
  component: signInPage
})

const staffRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "staff",
  beforeLoad: async ({ context, location }) => {
    // Loaded together with the session: without one, the first load of the console ends on this page.
    if (context.queryClient.getQueryData(sessionQuery.queryKey) === undefined) void signInPage.preload?.()
    try {
      return { session: await context.queryClient.ensureQueryData(sessionQuery) }
    } catch (error) {
      if (hasStatus(error, 401) || hasStatus(error, 404)) {
        const { hash, pathname, searchStr } = location
        const to = returnPath(pathname + searchStr)
        throw redirect({ to: "/sign-in", search: hasStatus(error, 404) ? { to, ended: "role" } : { to }, hash })
      }
      throw error
    }
  },
  component: Shell,
  notFoundComponent: NotFoundPage
})

const searchRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/",
  validateSearch: searchIn,
  component: lazyRouteComponent(() => import("./users/SearchPage.tsx"), "SearchPage")
})

const userRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/users/$id",
  validateSearch: userLinkIn,
  loader: ({ context, params }) => context.queryClient.ensureQueryData(userQuery(params.id)),
  component: lazyRouteComponent(() => import("./users/UserPage.tsx"), "UserPage")
})

const whyRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/users/$id/why",
  validateSearch: whyIn,
  component: lazyRouteComponent(() => import("./why/WhyPage.tsx"), "WhyPage")
})

const deliveriesRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/deliveries",
  validateSearch: notificationIn,
  component: lazyRouteComponent(() => import("./deliveries/DeliveriesPage.tsx"), "DeliveriesPage")
})

const auditRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/audit",
  validateSearch: filterIn,
  component: lazyRouteComponent(() => import("./audit/AuditPage.tsx"), "AuditPage")
})

const deadLettersRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/dead-letters",
  validateSearch: deadLetterSearchIn,
  component: lazyRouteComponent(() => import("./dead-letters/DeadLettersPage.tsx"), "DeadLettersPage")
})

const staffListRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/staff",
  validateSearch: staffSearchIn,
  component: lazyRouteComponent(() => import("./staff/StaffPage.tsx"), "StaffPage")
})

const allSessionsRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/end-all-sessions",
  component: lazyRouteComponent(() => import("./all-sessions/AllSessionsPage.tsx"), "AllSessionsPage")
})

const operationsRoute = createRoute({
  getParentRoute: () => staffRoute,
  path: "/operations",
  validateSearch: rangeIn,
  component: lazyRouteComponent(() => import("./operations/OperationsPage.tsx"), "OperationsPage")
})

const unknownRoute = createRoute({ getParentRoute: () => staffRoute, path: "$", component: NotFoundPage })

const routeTree = rootRoute.addChildren([
  signInRoute,
  staffRoute.addChildren([
    searchRoute,
    userRoute,
    whyRoute,
    deliveriesRoute,
    operationsRoute,
    auditRoute,
    deadLettersRoute,
    staffListRoute,
    allSessionsRoute,
    unknownRoute
  ])
])

export const router = createRouter({
  routeTree,
  basepath: "/admin",
  // Ids in a query are texts, as in any URL. The default reads a long number or a quoted text as JSON.
  parseSearch: parseSearchWith((text) => text),
  stringifySearch: stringifySearchWith(JSON.stringify),
  context: { queryClient },
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  defaultPendingComponent: PendingPage,
  defaultErrorComponent: FailurePage,
  defaultNotFoundComponent: NotFoundPage,
  scrollRestoration: true
})

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router
  }
}
