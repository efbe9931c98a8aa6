import { DeviceLabel, DeviceToken, Platform, TokenType } from "@user-service/domain/PushToken"
import { Schema, SchemaTransformation } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { success, successPage } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { required } from "../Input.ts"
import { PushTokenBody } from "../PushToken.ts"
import { Authentication } from "./Authentication.ts"
import { PagingQuery } from "./Paging.ts"
import { Validation } from "./Validation.ts"

export const RegisterPushTokenInput = Schema.Struct({
  token: DeviceToken.annotateKey(required),
  platform: Platform.annotateKey(required),
  token_type: Schema.optionalKey(TokenType),
  device_id: Schema.optionalKey(DeviceLabel),
  device_name: Schema.optionalKey(DeviceLabel),
  is_active: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "RegisterPushTokenInput" })

const unchangeable = Schema.optionalKey(Schema.Unknown.check(Schema.makeFilter(() => "This field cannot be changed.")))

export const PushTokenInput = Schema.Struct({
  token: unchangeable,
  platform: unchangeable,
  token_type: Schema.optionalKey(TokenType),
  device_id: Schema.optionalKey(DeviceLabel),
  device_name: Schema.optionalKey(DeviceLabel),
  is_active: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "PushTokenInput" })

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
const created = registered.pipe(
  Schema.decodeTo(
    Schema.toType(PushTokenCreated),
    SchemaTransformation.transform({
      decode: (body) => new PushTokenCreated({ body }),
      encode: (answer) => answer.body
    })
  ),
  HttpApiSchema.status(201)
)
const refreshed = registered.pipe(
  Schema.decodeTo(
    Schema.toType(PushTokenRefreshed),
    SchemaTransformation.transform({
      decode: (body) => new PushTokenRefreshed({ body }),
      encode: (answer) => answer.body
    })
  )
)

const params = { id: Schema.String }
const failures = [Failures.PushTokenNotFound, Failures.ServiceUnavailable] as const

const updated = {
  params,
  payload: PushTokenInput,
  success: success("Push token updated successfully", PushTokenBody),
  error: [...failures, Failures.DeviceTaken]
} as const

/** Where a user can be reached: the installations of their devices. PUT and PATCH are the same partial update. */
export class PushTokensApi extends HttpApiGroup.make("push-tokens")
  .add(
    HttpApiEndpoint.get("list", "/push-tokens/", {
      query: PagingQuery,
      success: successPage("Push tokens retrieved successfully", PushTokenBody),
      error: Failures.ServiceUnavailable
    }),
    HttpApiEndpoint.post("register", "/push-tokens/", {
      payload: RegisterPushTokenInput,
      success: [created, refreshed],
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    }),
    HttpApiEndpoint.post("deactivateAll", "/push-tokens/deactivate_all/", {
      success: success("Push tokens deactivated successfully", Schema.Struct({ deactivated_count: Schema.Int })),
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    }),
    HttpApiEndpoint.get("find", "/push-tokens/:id/", {
      params,
      success: success("Push token retrieved successfully", PushTokenBody),
      error: failures
    }),
    HttpApiEndpoint.put("replace", "/push-tokens/:id/", updated),
    HttpApiEndpoint.patch("update", "/push-tokens/:id/", updated),
    HttpApiEndpoint.delete("remove", "/push-tokens/:id/", {
      params,
      success: HttpApiSchema.NoContent,
      error: failures
    })
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users") {}
