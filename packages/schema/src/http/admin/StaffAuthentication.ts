import type { Role } from "@user-service/domain/Role"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Context, type DateTime } from "effect"
import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { Failures } from "../../Failures.ts"
import type { CurrentSession } from "../Authentication.ts"

/** The cookie of the console. Its prefix makes browsers keep it to this host and to HTTPS (RFC 6265bis, section 4.1.3). */
export const consoleCookie = "__Host-console"

/** The header that requests with the cookie must have. A page of another site cannot send it. */
export const consoleHeader = "x-console"

/** The member of staff of a request, with the role that they have now. */
export class CurrentStaff extends Context.Service<
  CurrentStaff,
  {
    readonly userId: UserId
    readonly sessionId: SessionId
    readonly role: Role
    readonly expiresAt: DateTime.Utc
  }
>()("@user-service/schema/http/admin/StaffAuthentication/CurrentStaff") {}

/** The role that an endpoint requires. Endpoints without this annotation are for admins. */
export const RequiredRole = Context.Reference<Role>(
  "@user-service/schema/http/admin/StaffAuthentication/RequiredRole",
  {
    defaultValue: () => "admin"
  }
)

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

/**
 * Requires a member of staff with the role of the endpoint: by an access token, or by the cookie of the console together with the
 * header `X-Console: 1`.
 */
export class StaffAuthentication extends HttpApiMiddleware.Service<
  StaffAuthentication,
  { provides: CurrentStaff | CurrentSession }
>()("@user-service/schema/http/admin/StaffAuthentication", {
  security: { bearer },
  error: [
    Failures.AuthenticationRequired,
    Failures.TokenInvalid,
    Failures.TokenExpired,
    Failures.RoleTooLow,
    Failures.NotStaff,
    Failures.ServiceUnavailable
  ]
}) {}
