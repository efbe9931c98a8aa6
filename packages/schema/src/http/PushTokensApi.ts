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
import { documented } from "./Documented.ts"
import { PagingQuery } from "./Paging.ts"
import { DependentProblems, Validation } from "./Validation.ts"
import { WriteLimit } from "./WriteLimit.ts"

export const RegisterPushTokenInput = Schema.Struct({
  token: DeviceToken.annotateKey({
    ...requiredField,
    description:
      "In any of the spellings its `token_type` has, and stored in one: `apns` hexadecimal in lower case (`<`, `>` and spaces " +
      "are left out), `vapid` a web-push subscription as JSON, reduced to `endpoint` and `keys`, `onesignal` a UUID in lower " +
      "case, `expo` `ExponentPushToken[...]`, `fcm` printable ASCII as it is."
  }),
  platform: Platform.annotateKey(requiredField),
  token_type: Schema.optionalKey(TokenType),
  device_id: Schema.optionalKey(DeviceLabel),
  device_name: Schema.optionalKey(DeviceLabel),
  is_active: Schema.optionalKey(Schema.Boolean)
})
  .annotate({
    identifier: "RegisterPushTokenInput",
    description: "The installation of an app that pushes are to reach, and its token."
  })
  .pipe(decodeToDomain(PushTokenRegistration))

const isTyped = Schema.is(Schema.Struct({ token: DeviceToken, token_type: TokenType }))

const tokenProblems = (body: object): Problems => {
  const typed = { token_type: "fcm", ...body }
  if (!isTyped(typed) || Option.isSome(formOf(typed.token_type, typed.token))) return {}
  return { token: [new DeviceTokenMalformed({ field: "token", tokenType: typed.token_type }).message] }
}

const unchangeable = Schema.optionalKey(
  Schema.Json.check(Schema.makeFilter(() => "This field cannot be changed.", { toJsonSchema: () => ({ not: {} }) }))
)

export const PushTokenInput = Schema.Struct({
  token: unchangeable,
  platform: unchangeable,
  token_type: Schema.optionalKey(TokenType),
  device_id: Schema.optionalKey(DeviceLabel),
  device_name: Schema.optionalKey(DeviceLabel),
  is_active: Schema.optionalKey(Schema.Boolean)
})
  .annotate({
    identifier: "PushTokenInput",
    description: "What a user changes of a push token. A field that is absent stays as it is."
  })
  .pipe(decodeToDomain(PushTokenPatch))

/** A token that was not known: 201. */
export class PushTokenCreated extends Schema.TaggedClass<PushTokenCreated>()("PushTokenCreated", {
  body: PushTokenBody
}) {}

/** A token that was known, here or with another user, or that took the old one's place on its device: 200. */
export class PushTokenRefreshed extends Schema.TaggedClass<PushTokenRefreshed>()("PushTokenRefreshed", {
  body: PushTokenBody
}) {}

// Two classes, since what an answer's status hangs on must be told apart in its value.
const registered = success("Push token registered successfully", PushTokenBody)
const created = registered
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
  .annotate({ description: "The token was not known." })
const refreshed = registered
  .pipe(
    Schema.decodeTo(
      Schema.toType(PushTokenRefreshed),
      SchemaTransformation.transform({
        decode: (body) => new PushTokenRefreshed({ body }),
        encode: (answer) => answer.body
      })
    )
  )
  .annotate({ description: "The token was known, or took the place of its device's old one." })

const Deactivated = Schema.Struct({ deactivated_count: Count }).annotate({
  description: "How many push tokens were active until now.",
  examples: [{ deactivated_count: 2 }]
})

const params = { id: Id.annotate({ description: "The id of a push token of this user." }) }
const failures = [Failures.PushTokenNotFound, Failures.ServiceUnavailable] as const

const change = {
  description:
    "Changes the fields that are sent and leaves the others as they are. `token` and `platform` cannot be changed: " +
    "register a new token instead. A new `token_type` stores the token in its form, and is refused where it has none.",
  example: { device_name: "Ada's old phone", is_active: false }
}

const updated = {
  params,
  payload: PushTokenInput,
  success: success("Push token updated successfully", PushTokenBody),
  error: [...failures, Failures.DeviceTaken, Failures.DeviceTokenMalformed, Failures.DeviceTokenTaken]
} as const

/** Where a user can be reached: the installations of their devices. PUT and PATCH are the same partial update. */
export class PushTokensApi extends HttpApiGroup.make("push-tokens")
  .add(
    HttpApiEndpoint.get("list", "/push-tokens/", {
      query: PagingQuery,
      success: successPage("Push tokens retrieved successfully", PushTokenBody),
      error: Failures.ServiceUnavailable
    }).annotateMerge(
      documented({
        id: "listPushTokens",
        summary: "List the push tokens",
        description: "The push tokens of the user, active and not, newest first, a page at a time."
      })
    ),
    HttpApiEndpoint.post("register", "/push-tokens/", {
      payload: RegisterPushTokenInput,
      success: [created, refreshed],
      error: [Failures.DeviceTokenMalformed, Failures.TokenInvalid, Failures.UserNotFound, Failures.ServiceUnavailable]
    })
      .annotate(DependentProblems, tokenProblems)
      .annotateMerge(
        documented({
          id: "registerPushToken",
          summary: "Register a push token",
          description:
            "Registering a token again reactivates it, and binds it to this session. A token of another user moves here. A " +
            "new token for a device that has one takes its place, under the same id. Past the greatest number of active " +
            "tokens the one longest unused is deleted.",
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
      success: success("Push tokens deactivated successfully", Deactivated),
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    })
      .annotateMerge(
        documented({
          id: "deactivateAllPushTokens",
          summary: "Deactivate all push tokens",
          description: "No device of the user is reached until it registers again."
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.get("find", "/push-tokens/:id/", {
      params,
      success: success("Push token retrieved successfully", PushTokenBody),
      error: failures
    }).annotateMerge(
      documented({
        id: "getPushToken",
        summary: "Read a push token",
        description: "One push token of the user, active or not. The token itself is not shown: it is write-only."
      })
    ),
    HttpApiEndpoint.put("replace", "/push-tokens/:id/", updated)
      .annotateMerge(documented({ id: "replacePushToken", summary: "Update a push token, as PATCH does", ...change }))
      .middleware(WriteLimit),
    HttpApiEndpoint.patch("update", "/push-tokens/:id/", updated)
      .annotateMerge(documented({ id: "updatePushToken", summary: "Update a push token", ...change }))
      .middleware(WriteLimit),
    HttpApiEndpoint.delete("remove", "/push-tokens/:id/", {
      params,
      success: HttpApiSchema.NoContent.annotate({ description: "The push token is gone." }),
      error: failures
    })
      .annotateMerge(
        documented({
          id: "deletePushToken",
          summary: "Delete a push token",
          description: "The device is not reached by it any more, and it no longer counts among the user's tokens."
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
      description: "Where a user can be reached: the installations of apps on their devices."
    })
  ) {}
