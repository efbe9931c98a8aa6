import { DeviceTokenMalformed, formOf } from "@user-service/domain/DeviceTokenForm"
import {
  DeviceLabel,
  DeviceToken,
  Platform,
  PushTokenPatch,
  PushTokenRegistration,
  TokenType
} from "@user-service/domain/PushToken"
import { Option, Schema, SchemaTransformation } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { type Problems, success, successPage } from "../Envelope.ts"
import { Count } from "../Count.ts"
import { Failures } from "../Failures.ts"
import { Id } from "../Id.ts"
import { requiredField } from "../Input.ts"
import { PushTokenBody } from "../PushToken.ts"
import { decodeToDomain } from "../WireNames.ts"
import { Authentication } from "./Authentication.ts"
import { describeOperation } from "./OperationDescription.ts"
import { PagingQuery } from "./Paging.ts"
import { DependentProblems, Validation } from "./Validation.ts"
import { WriteLimit } from "./WriteLimit.ts"

export const RegisterPushTokenInput = Schema.Struct({
  token: DeviceToken.annotateKey({
    ...requiredField,
    description:
      "In any spelling of its `token_type`. Stored normalised: `apns` as lower-case hexadecimal without `<`, `>` and spaces; " +
      "`vapid` as a web push subscription in JSON with `endpoint` and `keys`; `onesignal` as a lower-case UUID; `expo` as " +
      "`ExponentPushToken[...]`; `fcm` as sent, in printable ASCII."
  }),
  platform: Platform.annotateKey(requiredField),
  token_type: Schema.optionalKey(TokenType),
  device_id: Schema.optionalKey(DeviceLabel),
  device_name: Schema.optionalKey(DeviceLabel),
  is_active: Schema.optionalKey(Schema.Boolean)
})
  .annotate({
    identifier: "RegisterPushTokenInput",
    description: "An app installation to send push notifications to, and its token."
  })
  .pipe(decodeToDomain(PushTokenRegistration))

const isTyped = Schema.is(Schema.Struct({ token: DeviceToken, token_type: TokenType }))

const tokenProblems = (body: object): Problems => {
  const typed = { token_type: "fcm", ...body }
  if (!isTyped(typed) || Option.isSome(formOf(typed.token_type, typed.token))) return {}
  return { token: [new DeviceTokenMalformed({ field: "token", tokenType: typed.token_type }).message] }
}

const immutable = Schema.optionalKey(
  Schema.Json.check(Schema.makeFilter(() => "This field cannot be changed.", { toJsonSchema: () => ({ not: {} }) }))
)

export const PushTokenInput = Schema.Struct({
  token: immutable,
  platform: immutable,
  token_type: Schema.optionalKey(TokenType),
  device_id: Schema.optionalKey(DeviceLabel),
  device_name: Schema.optionalKey(DeviceLabel),
  is_active: Schema.optionalKey(Schema.Boolean)
})
  .annotate({
    identifier: "PushTokenInput",
    description: "The fields of a push token to change. Absent fields keep their values."
  })
  .pipe(decodeToDomain(PushTokenPatch))

/** The response for a new push token: 201. */
export class PushTokenCreated extends Schema.TaggedClass<PushTokenCreated>()("PushTokenCreated", {
  body: PushTokenBody
}) {}

/** The response for a token that this or another user had, or that replaced the token of its device: 200. */
export class PushTokenRefreshed extends Schema.TaggedClass<PushTokenRefreshed>()("PushTokenRefreshed", {
  body: PushTokenBody
}) {}

// Two classes, since the schema of a response, and so its status, is selected by its value.
const registeredBody = success("Push token registered successfully", PushTokenBody)
const createdBody = registeredBody
  .pipe(
    Schema.decodeTo(
      Schema.toType(PushTokenCreated),
      SchemaTransformation.transform({
        decode: (body) => new PushTokenCreated({ body }),
        encode: (answer) => answer.body
      })
    ),
    HttpApiSchema.status(201)
  )
  .annotate({ description: "The token is new." })
const refreshedBody = registeredBody
  .pipe(
    Schema.decodeTo(
      Schema.toType(PushTokenRefreshed),
      SchemaTransformation.transform({
        decode: (body) => new PushTokenRefreshed({ body }),
        encode: (answer) => answer.body
      })
    )
  )
  .annotate({ description: "The token existed, or replaced the previous token of its device." })

const DeactivationCount = Schema.Struct({ deactivated_count: Count }).annotate({
  description: "The number of push tokens that were deactivated.",
  examples: [{ deactivated_count: 2 }]
})

const params = { id: Id.annotate({ description: "The id of a push token of this user." }) }
const failures = [Failures.PushTokenNotFound, Failures.ServiceUnavailable] as const

const updateDocumentation = {
  description:
    "Changes the fields in the request and keeps the others. `token` and `platform` cannot be changed: register a new " +
    "token instead. A new `token_type` normalises the token for that type, and is refused if the token is invalid for it.",
  example: { device_name: "Ada's old phone", is_active: false }
}

const updateOptions = {
  params,
  payload: PushTokenInput,
  success: success("Push token updated successfully", PushTokenBody),
  error: [...failures, Failures.DeviceTaken, Failures.DeviceTokenMalformed, Failures.DeviceTokenTaken]
} as const

/** The push tokens of a user's app installations. PUT and PATCH are the same partial update. */
export class PushTokensApi extends HttpApiGroup.make("push-tokens")
  .add(
    HttpApiEndpoint.get("list", "/push-tokens/", {
      query: PagingQuery,
      success: successPage("Push tokens retrieved successfully", PushTokenBody),
      error: Failures.ServiceUnavailable
    }).annotateMerge(
      describeOperation({
        id: "listPushTokens",
        summary: "List the push tokens",
        description: "The user's push tokens, active and inactive, newest first, in pages."
      })
    ),
    HttpApiEndpoint.post("register", "/push-tokens/", {
      payload: RegisterPushTokenInput,
      success: [createdBody, refreshedBody],
      error: [Failures.DeviceTokenMalformed, Failures.TokenInvalid, Failures.UserNotFound, Failures.ServiceUnavailable]
    })
      .annotate(DependentProblems, tokenProblems)
      .annotateMerge(
        describeOperation({
          id: "registerPushToken",
          summary: "Register a push token",
          description:
            "Registering a token again reactivates it and binds it to this session. A token of another user moves to this " +
            "user. A new token for a device replaces its previous one and keeps the id. If the user then has more than the " +
            "maximum number of active tokens, the least recently used one is deleted.",
          example: {
            token: "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad",
            platform: "ios",
            token_type: "apns",
            device_id: "C7D2A1E0-4B6F",
            device_name: "Ada's phone"
          }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("deactivateAll", "/push-tokens/deactivate_all/", {
      success: success("Push tokens deactivated successfully", DeactivationCount),
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    })
      .annotateMerge(
        describeOperation({
          id: "deactivateAllPushTokens",
          summary: "Deactivate all push tokens",
          description: "No device of the user receives push notifications until it registers again."
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.get("find", "/push-tokens/:id/", {
      params,
      success: success("Push token retrieved successfully", PushTokenBody),
      error: failures
    }).annotateMerge(
      describeOperation({
        id: "getPushToken",
        summary: "Read a push token",
        description: "One push token of the user, active or inactive. The token itself is write-only."
      })
    ),
    HttpApiEndpoint.put("replace", "/push-tokens/:id/", updateOptions)
      .annotateMerge(
        describeOperation({
          id: "replacePushToken",
          summary: "Update a push token, as PATCH does",
          ...updateDocumentation
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.patch("update", "/push-tokens/:id/", updateOptions)
      .annotateMerge(
        describeOperation({ id: "updatePushToken", summary: "Update a push token", ...updateDocumentation })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.delete("remove", "/push-tokens/:id/", {
      params,
      success: HttpApiSchema.NoContent.annotate({ description: "The push token was deleted." }),
      error: failures
    })
      .annotateMerge(
        describeOperation({
          id: "deletePushToken",
          summary: "Delete a push token",
          description: "The device no longer receives push notifications through this token."
        })
      )
      .middleware(WriteLimit)
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users")
  .annotateMerge(
    OpenApi.annotations({
      title: "Push tokens",
      description: "The app installations to which push notifications are sent."
    })
  ) {}
