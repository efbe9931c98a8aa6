import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context } from "effect"
import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { Failures } from "../Failures.ts"

/** The session a request is made in, from its access token: rightly signed, not expired, and of a session still alive. */
export class CurrentSession extends Context.Service<
  CurrentSession,
  { readonly userId: UserId; readonly sessionId: SessionId }
>()("@user-service/schema/http/Authentication/CurrentSession") {}

const bearer = HttpApiSecurity.bearer.pipe(
  HttpApiSecurity.annotateMerge(
    OpenApi.annotations({
      format: "JWT",
      description:
        "The access token of a login. It opens the API until it expires or its session ends; " +
        "`/.well-known/jwks.json` has the keys to check its signature with."
    })
  )
)

/** Requires a live access token (RFC 6750). */
export class Authentication extends HttpApiMiddleware.Service<Authentication, { provides: CurrentSession }>()(
  "@user-service/schema/http/Authentication",
  {
    security: { bearer },
    error: [Failures.AuthenticationRequired, Failures.TokenInvalid, Failures.TokenExpired, Failures.ServiceUnavailable]
  }
) {}
