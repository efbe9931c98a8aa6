import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Meta, noPage, success, successPage } from "../Envelope.ts"
import { Count } from "../Count.ts"
import { Failures } from "../Failures.ts"
import { Id } from "../Id.ts"
import { requiredField, TokenInput } from "../Input.ts"
import { SessionBody, TokensBody, tokensExample } from "../Session.ts"
import { Authentication } from "./Authentication.ts"
import { describeOperation } from "./OperationDescription.ts"
import { PagingQuery } from "./Paging.ts"
import { Validation } from "./Validation.ts"

// Clients send the refresh token under one of two names.
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
    description: "A refresh token, as `refresh` or `refresh_token`. `refresh` takes precedence."
  })

const refreshedMessage = "Token refreshed successfully" as const

/** The response to a refresh. The tokens are at the top level too, where clients of SimpleJWT read them. */
export const refreshBody = (tokens: typeof TokensBody.Type) => ({
  success: true as const,
  message: refreshedMessage,
  data: tokens,
  error: null,
  meta: noPage,
  access: tokens.access,
  refresh: tokens.refresh
})

const RefreshBody = Schema.Struct({
  success: Schema.Literal(true),
  message: Schema.Literal(refreshedMessage),
  data: TokensBody,
  error: Schema.Null,
  meta: Meta,
  access: Schema.String,
  refresh: Schema.String
}).annotate({ identifier: "RefreshAnswer", description: refreshedMessage, examples: [refreshBody(tokensExample)] })

const Empty = Schema.Record(Schema.String, Schema.Never).annotate({ examples: [{}] })
const RevocationCount = Schema.Struct({ revoked_count: Count }).annotate({
  description: "The number of sessions that were ended.",
  examples: [{ revoked_count: 3 }]
})

/** Refreshing, listing and ending sessions. */
export class SessionsApi extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.post("refresh", "/token/refresh/", {
      payload: RefreshInput,
      success: RefreshBody,
      error: [Failures.TokenInvalid, Failures.TokenExpired, Failures.RateLimited, Failures.ServiceUnavailable]
    }).annotateMerge(
      describeOperation({
        id: "refreshTokens",
        summary: "Get the next pair of tokens",
        description:
          "Replaces the refresh token. For a few seconds the old token returns the same new pair, in case the first response " +
          "was lost. Used later, it is considered stolen and the session ends, even if the rate limit is exceeded. A valid " +
          "token that exceeds the rate limit receives 429 and remains valid.",
        example: { refresh: tokensExample.refresh }
      })
    ),
    HttpApiEndpoint.post("verify", "/token/verify/", {
      payload: Schema.Struct({ token: TokenInput.annotateKey(requiredField) }).annotate({
        identifier: "VerifyInput",
        description: "The access or refresh token to check."
      }),
      success: success("Token is valid", Empty),
      error: [Failures.TokenInvalid, Failures.TokenExpired, Failures.ServiceUnavailable]
    }).annotateMerge(
      describeOperation({
        id: "verifyToken",
        summary: "Check a token",
        description:
          "Succeeds if the access or refresh token was issued by this service, has not expired, and belongs to an active " +
          "session. A replaced refresh token is valid for the few seconds in which it can still be exchanged.",
        example: { token: tokensExample.access }
      })
    ),
    HttpApiEndpoint.post("logout", "/logout/", {
      headers: { authorization: Schema.optionalKey(Schema.String) },
      // The body is optional.
      payload: [
        Schema.Struct(refreshFields).annotate({
          identifier: "LogoutInput",
          description:
            "The refresh token of the session to end, as `refresh` or `refresh_token`. Required without an access token."
        }),
        Schema.Null
      ],
      success: success("Logout successful", Empty),
      error: [Failures.AuthenticationRequired, Failures.TokenInvalid, Failures.ServiceUnavailable]
    })
      .annotate(OpenApi.Override, { security: [{ bearer: [] }, {}] })
      .annotateMerge(
        describeOperation({
          id: "logout",
          summary: "Log out",
          description:
            "Ends the session of the access token, which may have expired, or else of the refresh token in the body. One of " +
            "the two is required. Succeeds if the session has already ended.",
          example: { refresh: tokensExample.refresh }
        })
      ),
    HttpApiEndpoint.post("logoutAll", "/logout-all/", {
      success: success("Logged out of all sessions", RevocationCount),
      error: Failures.ServiceUnavailable
    })
      .annotateMerge(
        describeOperation({
          id: "logoutAll",
          summary: "Log out everywhere",
          description: "Ends every session of the user, including this one."
        })
      )
      .middleware(Authentication),
    HttpApiEndpoint.get("list", "/sessions/", {
      query: PagingQuery,
      success: successPage("Sessions retrieved successfully", SessionBody),
      error: Failures.ServiceUnavailable
    })
      .annotateMerge(
        describeOperation({
          id: "listSessions",
          summary: "List the sessions",
          description:
            "The user's active sessions, newest first, in pages. `current` marks the session of this request."
        })
      )
      .middleware(Authentication),
    HttpApiEndpoint.delete("revoke", "/sessions/:id/", {
      params: { id: Id.annotate({ description: "The id of a session of this user, from the list of sessions." }) },
      success: HttpApiSchema.NoContent.annotate({ description: "The session has ended." }),
      error: [Failures.SessionNotFound, Failures.ServiceUnavailable]
    })
      .annotateMerge(
        describeOperation({
          id: "revokeSession",
          summary: "End a session",
          description: "Its tokens are refused from then on, and its push tokens are deactivated."
        })
      )
      .middleware(Authentication)
  )
  .middleware(Validation)
  .prefix("/api/v1/users")
  .annotateMerge(OpenApi.annotations({ title: "Sessions", description: "Refreshing, listing and ending sessions." })) {}
