import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { Meta, noPage, success, successPage } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { required, TokenInput } from "../Input.ts"
import { SessionBody, TokensBody } from "../Session.ts"
import { Authentication } from "./Authentication.ts"
import { PagingQuery } from "./Paging.ts"
import { Validation } from "./Validation.ts"

/** A refresh token under either of the two names clients send. */
const refreshFields = {
  refresh: Schema.optionalKey(TokenInput),
  refresh_token: Schema.optionalKey(TokenInput)
}

export const RefreshInput = Schema.Struct(refreshFields)
  .check(
    Schema.makeFilter((input) =>
      input.refresh !== undefined || input.refresh_token !== undefined
        ? undefined
        : { path: ["refresh"], issue: required.messageMissingKey }
    )
  )
  .annotate({ identifier: "RefreshInput" })

/** The tokens in the envelope, and the pair at the top level too, where clients of SimpleJWT read it. */
export const RefreshBody = Schema.Struct({
  success: Schema.Literal(true),
  message: Schema.Literal("Token refreshed successfully"),
  data: TokensBody,
  error: Schema.Null,
  meta: Meta,
  access: Schema.String,
  refresh: Schema.String
}).annotate({ identifier: "RefreshAnswer" })

/** The answer to a refresh. */
export const refreshBody = (tokens: typeof TokensBody.Type): typeof RefreshBody.Type => ({
  success: true,
  message: "Token refreshed successfully",
  data: tokens,
  error: null,
  meta: noPage,
  access: tokens.access,
  refresh: tokens.refresh
})

const Nothing = Schema.Struct({})

/** Keeping, seeing and ending what a login opened. */
export class SessionsApi extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.post("refresh", "/token/refresh/", {
      payload: RefreshInput,
      success: RefreshBody,
      error: [Failures.TokenInvalid, Failures.TokenExpired, Failures.RateLimited, Failures.ServiceUnavailable]
    }),
    HttpApiEndpoint.post("verify", "/token/verify/", {
      payload: Schema.Struct({ token: TokenInput.annotateKey(required) }).annotate({ identifier: "VerifyInput" }),
      success: success("Token is valid", Nothing),
      error: [Failures.TokenInvalid, Failures.TokenExpired, Failures.ServiceUnavailable]
    }),
    HttpApiEndpoint.post("logout", "/logout/", {
      headers: { authorization: Schema.optionalKey(Schema.String) },
      // Either may come without a body.
      payload: [Schema.Struct(refreshFields).annotate({ identifier: "LogoutInput" }), Schema.Null],
      success: success("Logout successful", Nothing),
      error: [Failures.AuthenticationRequired, Failures.TokenInvalid, Failures.ServiceUnavailable]
    }),
    HttpApiEndpoint.post("logoutAll", "/logout-all/", {
      success: success("Logged out of all sessions", Schema.Struct({ revoked_count: Schema.Int })),
      error: Failures.ServiceUnavailable
    }).middleware(Authentication),
    HttpApiEndpoint.get("list", "/sessions/", {
      query: PagingQuery,
      success: successPage("Sessions retrieved successfully", SessionBody),
      error: Failures.ServiceUnavailable
    }).middleware(Authentication),
    HttpApiEndpoint.delete("revoke", "/sessions/:id/", {
      params: { id: Schema.String },
      success: HttpApiSchema.NoContent,
      error: [Failures.SessionNotFound, Failures.ServiceUnavailable]
    }).middleware(Authentication)
  )
  .middleware(Validation)
  .prefix("/api/v1/users") {}
