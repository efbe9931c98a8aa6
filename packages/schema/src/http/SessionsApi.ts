import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Meta, noPage, success, successPage } from "../Envelope.ts"
import { Count } from "../Count.ts"
import { Failures } from "../Failures.ts"
import { Id } from "../Id.ts"
import { requiredField, TokenInput } from "../Input.ts"
import { SessionBody, TokensBody, tokensExample } from "../Session.ts"
import { Authentication } from "./Authentication.ts"
import { documented } from "./Documented.ts"
import { PagingQuery } from "./Paging.ts"
import { Validation } from "./Validation.ts"

/** A refresh token under either of the two names clients send. */
const refreshFields = {
  refresh: Schema.optionalKey(TokenInput),
  refresh_token: Schema.optionalKey(TokenInput)
}

export const RefreshInput = Schema.Struct(refreshFields)
  .check(
    Schema.makeFilter(
      (input) =>
        input.refresh !== undefined || input.refresh_token !== undefined
          ? undefined
          : { path: ["refresh"], issue: requiredField.messageMissingKey },
      { toJsonSchema: () => ({ anyOf: [{ required: ["refresh"] }, { required: ["refresh_token"] }] }) }
    )
  )
  .annotate({
    identifier: "RefreshInput",
    description: "A refresh token, under either of two names; `refresh` where both are sent."
  })

const refreshed = "Token refreshed successfully" as const

/** The answer to a refresh: the tokens in the envelope, and the pair at the top level too. */
export const refreshBody = (tokens: typeof TokensBody.Type) => ({
  success: true as const,
  message: refreshed,
  data: tokens,
  error: null,
  meta: noPage,
  access: tokens.access,
  refresh: tokens.refresh
})

/** The tokens in the envelope, and the pair at the top level too, where clients of SimpleJWT read it. */
const RefreshBody = Schema.Struct({
  success: Schema.Literal(true),
  message: Schema.Literal(refreshed),
  data: TokensBody,
  error: Schema.Null,
  meta: Meta,
  access: Schema.String,
  refresh: Schema.String
}).annotate({ identifier: "RefreshAnswer", description: refreshed, examples: [refreshBody(tokensExample)] })

const Nothing = Schema.Record(Schema.String, Schema.Never).annotate({ examples: [{}] })
const Revoked = Schema.Struct({ revoked_count: Count }).annotate({
  description: "How many sessions were alive until now.",
  examples: [{ revoked_count: 3 }]
})

/** Keeping, seeing and ending what a login opened. */
export class SessionsApi extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.post("refresh", "/token/refresh/", {
      payload: RefreshInput,
      success: RefreshBody,
      error: [Failures.TokenInvalid, Failures.TokenExpired, Failures.RateLimited, Failures.ServiceUnavailable]
    }).annotateMerge(
      documented({
        id: "refreshTokens",
        summary: "Get the next pair of tokens",
        description:
          "Replaces the refresh token. The one just replaced gets the same successor for a few seconds more, for " +
          "answers that were lost on their way; presented later it is taken for stolen, and the session ends, also where " +
          "the session's limit is used up. Beyond the limit a good token is 429 and stays good.",
        example: { refresh: tokensExample.refresh }
      })
    ),
    HttpApiEndpoint.post("verify", "/token/verify/", {
      payload: Schema.Struct({ token: TokenInput.annotateKey(requiredField) }).annotate({
        identifier: "VerifyInput",
        description: "The access or refresh token to check."
      }),
      success: success("Token is valid", Nothing),
      error: [Failures.TokenInvalid, Failures.TokenExpired, Failures.ServiceUnavailable]
    }).annotateMerge(
      documented({
        id: "verifyToken",
        summary: "Check a token",
        description:
          "Whether an access or a refresh token is good: ours, not expired, of a session that is alive. A refresh token " +
          "that was replaced is good for as long as it is still exchanged for its successor.",
        example: { token: tokensExample.access }
      })
    ),
    HttpApiEndpoint.post("logout", "/logout/", {
      headers: { authorization: Schema.optionalKey(Schema.String) },
      // Either may come without a body.
      payload: [
        Schema.Struct(refreshFields).annotate({
          identifier: "LogoutInput",
          description:
            "The refresh token of the session to end, under either of two names; needed without an access token."
        }),
        Schema.Null
      ],
      success: success("Logout successful", Nothing),
      error: [Failures.AuthenticationRequired, Failures.TokenInvalid, Failures.ServiceUnavailable]
    })
      .annotate(OpenApi.Override, { security: [{ bearer: [] }, {}] })
      .annotateMerge(
        documented({
          id: "logout",
          summary: "Log out",
          description:
            "Ends the session of the access token, which may have expired, or else the one of the refresh token in the " +
            "body. One of the two is needed. A session that has ended already is logged out as well.",
          example: { refresh: tokensExample.refresh }
        })
      ),
    HttpApiEndpoint.post("logoutAll", "/logout-all/", {
      success: success("Logged out of all sessions", Revoked),
      error: Failures.ServiceUnavailable
    })
      .annotateMerge(
        documented({
          id: "logoutAll",
          summary: "Log out everywhere",
          description: "Ends every session of the user, this one too."
        })
      )
      .middleware(Authentication),
    HttpApiEndpoint.get("list", "/sessions/", {
      query: PagingQuery,
      success: successPage("Sessions retrieved successfully", SessionBody),
      error: Failures.ServiceUnavailable
    })
      .annotateMerge(
        documented({
          id: "listSessions",
          summary: "List the sessions",
          description:
            "The sessions of the user that are alive, newest first, a page at a time. `current` marks the one of this request."
        })
      )
      .middleware(Authentication),
    HttpApiEndpoint.delete("revoke", "/sessions/:id/", {
      params: { id: Id.annotate({ description: "The id of a session of this user, as the list of sessions has it." }) },
      success: HttpApiSchema.NoContent.annotate({ description: "The session has ended." }),
      error: [Failures.SessionNotFound, Failures.ServiceUnavailable]
    })
      .annotateMerge(
        documented({
          id: "revokeSession",
          summary: "End a session",
          description: "Its tokens are refused from now on, and its push tokens fall silent."
        })
      )
      .middleware(Authentication)
  )
  .middleware(Validation)
  .prefix("/api/v1/users")
  .annotateMerge(
    OpenApi.annotations({ title: "Sessions", description: "Keeping, seeing and ending what a login opened." })
  ) {}
