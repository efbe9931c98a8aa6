import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context } from "effect"
import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { Failures } from "../Failures.ts"

/** The session of a request, from its access token. The token is valid and its session is active. */
export class CurrentSession extends Context.Service<
  CurrentSession,
  { readonly userId: UserId; readonly sessionId: SessionId }
>()("@user-service/schema/http/Authentication/CurrentSession") {}

const bearer = HttpApiSecurity.bearer.pipe(
  HttpApiSecurity.annotateMerge(
    OpenApi.annotations({
      format: "JWT",
      description:
        "The access token from a login, valid until it expires or its session ends. The keys at " +
        "`/.well-known/jwks.json` verify its signature."
    })
  )
)

/** Requires an access token of an active session (RFC 6750). */
export class Authentication extends HttpApiMiddleware.Service<Authentication, { provides: CurrentSession }>()(
  "@user-service/schema/http/Authentication",
  {
    security: { bearer },
    error: [Failures.AuthenticationRequired, Failures.TokenInvalid, Failures.TokenExpired, Failures.ServiceUnavailable]
  }
) {}
