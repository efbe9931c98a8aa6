import { TokenVerifier, UserServiceClient } from "@user-service/rpc-client"
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"

// A gateway: it lets in who shows a good access token, and tells them who they are and how they want to be reached.
// Serve `Routes` on any HTTP server; give it the client by `UserServiceClient.layerHttp`.

const bearer = (header: string | undefined): Option.Option<Redacted.Redacted<string>> => {
  const [, token] = /^Bearer +(\S+)$/i.exec(header ?? "") ?? []
  return Option.map(Option.fromNullishOr(token), (text) => Redacted.make(text))
}

const refused = HttpServerResponse.jsonUnsafe({ error: "Log in first" }, { status: 401 })

const later = (seconds: number) =>
  HttpServerResponse.jsonUnsafe(
    { error: "Try again soon" },
    { status: 503, headers: { "retry-after": String(seconds) } }
  )

const me = Effect.gen(function* () {
  const { verify } = yield* TokenVerifier
  const { getPushTokens, getUser } = yield* UserServiceClient
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  const token = bearer(headers["authorization"])
  if (Option.isNone(token)) return refused
  const { userId } = yield* verify(token.value)
  // One request to the user service for each of the two, however many people ask at once.
  const [user, devices] = yield* Effect.all([getUser(userId), getPushTokens(userId)], { concurrency: "unbounded" })
  return HttpServerResponse.jsonUnsafe({
    name: user.profile.full_name,
    prefers: user.notification_preferences,
    devices: devices.map(({ platform }) => platform)
  })
}).pipe(
  Effect.catchTags({
    TokenInvalid: () => Effect.succeed(refused),
    TokenExpired: () => Effect.succeed(refused),
    // Erased since the token was checked.
    UserNotFound: () => Effect.succeed(refused),
    ServiceUnavailable: ({ retryAfterSeconds }) => Effect.succeed(later(retryAfterSeconds)),
    RateLimited: ({ retryAfterSeconds }) => Effect.succeed(later(retryAfterSeconds)),
    Unreachable: () => Effect.succeed(later(1))
  }),
  // What is left is ours to mend: the key is wrong, or lacks a scope.
  Effect.catch((error) =>
    Effect.as(
      Effect.logError("The user service refuses this gateway", error),
      HttpServerResponse.empty({ status: 500 })
    )
  )
)

/** `GET /me`. */
export const Routes = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const services = yield* Effect.context<TokenVerifier | UserServiceClient>()
    yield* router.add("GET", "/me", Effect.provideContext(me, services))
  })
).pipe(Layer.provide(TokenVerifier.layerIntrospection))
