/** A path of the API and its methods. */
export interface Route {
  readonly path: string
  readonly methods: ReadonlyArray<"GET" | "POST" | "PUT" | "PATCH" | "DELETE">
  /** Whether it accepts requests without an access token or a service key. */
  readonly open: boolean
  /** The methods that do, if only some do. */
  readonly openMethods?: Route["methods"]
}

export const absentId = "01890000-0000-7000-8000-000000000000"

const users = (path: string, methods: Route["methods"], open = false): Route => ({
  path: `/api/v1/users${path}`,
  methods,
  open
})
const ofServices = (path: string, method: "GET" | "POST"): Route => ({
  path: `/internal/v1${path}/`,
  methods: [method],
  open: false
})
/** A path of the admin API. */
const ofStaff = (path: string, methods: Route["methods"], openMethods: Route["methods"] = []): Route => ({
  path: `/api/v1/admin${path}`,
  methods,
  open: false,
  openMethods
})
const open = (path: string): Route => ({ path, methods: ["GET"], open: true })

/**
 * All paths of the API, repeated here so that a new path must be added deliberately. Without `/`, which has no optional
 * trailing slash and redirects, and without the console, below which every path exists.
 */
export const routes: ReadonlyArray<Route> = [
  users("/register/", ["POST"], true),
  users("/login/", ["POST"], true),
  users("/token/refresh/", ["POST"], true),
  users("/token/verify/", ["POST"], true),
  users("/logout/", ["POST"], true),
  users("/password-reset/", ["POST"], true),
  users("/password-reset/confirm/", ["POST"], true),
  users("/verify-email/confirm/", ["POST"], true),
  users("/change-email/confirm/", ["POST"], true),
  users("/health/", ["GET"], true),
  users("/logout-all/", ["POST"]),
  users("/sessions/", ["GET"]),
  users(`/sessions/${absentId}/`, ["DELETE"]),
  users("/profile/", ["GET", "PUT", "PATCH", "DELETE"]),
  users("/change-password/", ["POST"]),
  users("/change-email/", ["POST"]),
  users("/verify-email/", ["POST"]),
  users("/preferences/", ["GET", "PUT", "PATCH"]),
  users("/preferences/history/", ["GET"]),
  users("/push-tokens/", ["GET", "POST"]),
  users(`/push-tokens/${absentId}/`, ["GET", "PUT", "PATCH", "DELETE"]),
  // The path of a push token with the id `deactivate_all` matches too.
  users("/push-tokens/deactivate_all/", ["GET", "POST", "PUT", "PATCH", "DELETE"]),
  users("/notifications/", ["GET"]),
  users("/export/", ["GET"]),
  ofServices("/tokens/introspect", "POST"),
  ofServices(`/users/${absentId}`, "GET"),
  // The path of a user with the id `batch` matches too.
  { path: "/internal/v1/users/batch/", methods: ["GET", "POST"], open: false },
  ofServices(`/users/${absentId}/preferences`, "GET"),
  ofServices(`/users/${absentId}/push-tokens`, "GET"),
  ofServices("/deliveries/resolve", "POST"),
  ofServices("/deliveries/status", "POST"),
  ofStaff("/session/", ["GET", "POST", "DELETE"], ["POST"]),
  ofStaff(`/users/${absentId}/`, ["GET", "PATCH", "DELETE"]),
  // The path of a user with the id `search` matches too.
  ofStaff("/users/search/", ["GET", "POST", "PATCH", "DELETE"]),
  ofStaff("/audit/", ["GET"]),
  ofStaff("/audit/export/", ["GET"]),
  ofStaff(`/users/${absentId}/preferences/`, ["PATCH"]),
  ofStaff("/users/", ["POST"]),
  ofStaff(`/users/${absentId}/change-email/`, ["POST"]),
  ofStaff(`/users/${absentId}/disable/`, ["POST"]),
  ofStaff(`/users/${absentId}/enable/`, ["POST"]),
  ofStaff(`/users/${absentId}/end-sessions/`, ["POST"]),
  ofStaff(`/users/${absentId}/password-reset/`, ["POST"]),
  ofStaff(`/users/${absentId}/verify-email/`, ["POST"]),
  ofStaff(`/users/${absentId}/sessions/${absentId}/`, ["DELETE"]),
  ofStaff(`/users/${absentId}/suppressions/`, ["DELETE"]),
  ofStaff(`/users/${absentId}/push-tokens/${absentId}/`, ["DELETE"]),
  ofStaff(`/users/${absentId}/why/`, ["GET"]),
  ofStaff("/deliveries/", ["GET"]),
  ofStaff("/outbox/", ["GET"]),
  ofStaff("/activity/", ["GET"]),
  ofStaff("/dead-letters/", ["GET"]),
  ofStaff(`/dead-letters/${absentId}/replay/`, ["POST"]),
  ofStaff(`/dead-letters/${absentId}/discard/`, ["POST"]),
  ofStaff("/end-all-sessions/", ["POST"]),
  { path: "/rpc/", methods: ["POST"], open: false },
  open("/health/"),
  open("/health/live/"),
  open("/health/ready/"),
  open("/metrics/"),
  open("/.well-known/jwks.json/"),
  open("/api/schema/"),
  open("/api/schema.yml/"),
  open("/api/asyncapi/"),
  open("/api/docs/"),
  open("/api/docs/asyncapi/"),
  open("/api/docs/swagger/"),
  open("/api/docs/redoc/"),
  open("/api/docs/assets/swagger.css/")
]

/** Whether a request of the method needs no access token and no service key. */
export const isOpen = ({ open, openMethods }: Route, method: string): boolean =>
  open || openMethods?.some((openMethod) => openMethod === method) === true

/** The `Allow` header of the path. */
export const allowOf = ({ methods }: Route): ReadonlyArray<string> =>
  methods.includes("GET") ? [...methods, "HEAD"] : methods
