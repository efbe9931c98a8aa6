import { UserId } from "@user-service/domain/User"
import { UserServiceClient } from "@user-service/rpc-client"
import { People } from "@user-service/rpc-client/testing/People"
import { Effect, Layer, Redacted } from "effect"
import { gatewayKey } from "../service-side/Callers.ts"
import { TestApi } from "../TestApi.ts"

/** Registers users over HTTP, as apps do. */
export const layerPeople = Layer.effect(
  People,
  Effect.map(TestApi, ({ person, send }) => ({
    add: Effect.fnUntraced(function* ({ preferences, push_tokens = [], timezone, ...account } = {}) {
      const { access: token, id } = yield* person(account)
      if (preferences !== undefined) yield* send("PATCH", "/api/v1/users/preferences/", { token, body: preferences })
      if (timezone !== undefined)
        yield* send("PATCH", "/api/v1/users/profile/", { token, body: { profile: { timezone } } })
      for (const body of push_tokens) yield* send("POST", "/api/v1/users/push-tokens/", { token, body })
      return { userId: UserId.make(id), accessToken: Redacted.make(token) }
    }),
    logOut: (accessToken) =>
      Effect.asVoid(send("POST", "/api/v1/users/logout/", { token: Redacted.value(accessToken) }))
  }))
)

/** The published client of the service under test. */
export const layerClient = Layer.unwrap(
  Effect.map(TestApi, ({ url }) => UserServiceClient.layerHttp({ url, apiKey: Redacted.make(gatewayKey) }))
)
