import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import type { PushTokenFields } from "@user-service/core/push-tokens/PushTokenRows"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { pageRequest } from "@user-service/schema/http/Paging"
import { PushTokenCreated, type PushTokenInput, PushTokenRefreshed } from "@user-service/schema/http/PushTokensApi"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { pushTokenBody } from "@user-service/schema/PushToken"
import { Effect, Layer, Struct } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"

const wireToDomain = Struct.renameKeys({
  token_type: "tokenType",
  device_id: "deviceId",
  device_name: "deviceName",
  is_active: "isActive"
})

const fieldsOf = (input: typeof PushTokenInput.Type): PushTokenFields =>
  wireToDomain(Struct.omit(input, ["token", "platform"]))

/** {@link PushTokensApi} on the push token service. */
export const PushTokensHttp = HttpApiBuilder.group(
  UserServiceApi,
  "push-tokens",
  Effect.fn(function* (handlers) {
    const pushTokens = yield* PushTokens
    const update = ({
      params,
      payload
    }: {
      readonly params: { readonly id: string }
      readonly payload: typeof PushTokenInput.Type
    }) =>
      CurrentSession.pipe(
        Effect.flatMap(({ userId }) => pushTokens.update(userId, params.id, fieldsOf(payload))),
        Effect.map(pushTokenBody)
      )
    return handlers.handleAll({
      list: Effect.fnUntraced(function* ({ query }) {
        const { userId } = yield* CurrentSession
        const request = pageRequest(query)
        const { items, total } = yield* pushTokens.page(userId, request)
        return { items: items.map(pushTokenBody), total, request }
      }),
      register: Effect.fnUntraced(function* ({ payload }) {
        const { isNew, token } = yield* pushTokens.register(yield* CurrentSession, {
          token: payload.token,
          platform: payload.platform,
          ...fieldsOf(payload)
        })
        const body = pushTokenBody(token)
        return isNew ? new PushTokenCreated({ body }) : new PushTokenRefreshed({ body })
      }),
      deactivateAll: () =>
        CurrentSession.pipe(
          Effect.flatMap(({ userId }) => pushTokens.deactivateAll(userId)),
          Effect.map((count) => ({ deactivated_count: count }))
        ),
      find: ({ params }) =>
        CurrentSession.pipe(
          Effect.flatMap(({ userId }) => pushTokens.find(userId, params.id)),
          Effect.map(pushTokenBody)
        ),
      replace: update,
      update,
      remove: ({ params }) => Effect.flatMap(CurrentSession, ({ userId }) => pushTokens.remove(userId, params.id))
    })
  })
).pipe(narrowContext(PushTokens), Layer.provide(PushTokens.layer))
