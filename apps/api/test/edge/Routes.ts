/** A path of the API with what it takes. */
export interface Route {
  readonly path: string
  readonly methods: ReadonlyArray<"GET" | "POST" | "PUT" | "PATCH" | "DELETE">
  /** Takes requests without an access token or a service key. */
  readonly open: boolean
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
const open = (path: string): Route => ({ path, methods: ["GET"], open: true })

/**
 * Every path there is, written down once more: what is added to the API is to be added here knowingly. Without `/`, which
 * has no slash to leave out and leads elsewhere.
 */
export const routes: ReadonlyArray<Route> = [
  users("/register/", ["POST"], true),
  users("/login/", ["POST"], true),
  users("/token/refresh/", ["POST"], true),
  users("/token/verify/", ["POST"], true),
  users("/logout/", ["POST"], true),
  users("/health/", ["GET"], true),
  users("/logout-all/", ["POST"]),
  users("/sessions/", ["GET"]),
  users(`/sessions/${absentId}/`, ["DELETE"]),
  users("/profile/", ["GET", "PUT", "PATCH"]),
  users("/change-password/", ["POST"]),
  users("/preferences/", ["GET", "PUT", "PATCH"]),
  users("/push-tokens/", ["GET", "POST"]),
  users(`/push-tokens/${absentId}/`, ["GET", "PUT", "PATCH", "DELETE"]),
  // Also what a push token of that id would be.
  users("/push-tokens/deactivate_all/", ["GET", "POST", "PUT", "PATCH", "DELETE"]),
  users("/notifications/", ["GET"]),
  ofServices("/tokens/introspect", "POST"),
  ofServices(`/users/${absentId}`, "GET"),
  // Also what a user of that id would be.
  { path: "/internal/v1/users/batch/", methods: ["GET", "POST"], open: false },
  ofServices(`/users/${absentId}/preferences`, "GET"),
  ofServices(`/users/${absentId}/push-tokens`, "GET"),
  ofServices("/deliveries/resolve", "POST"),
  ofServices("/deliveries/status", "POST"),
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

/** The `Allow` of the path. */
export const allowOf = ({ methods }: Route): ReadonlyArray<string> =>
  methods.includes("GET") ? [...methods, "HEAD"] : methods
