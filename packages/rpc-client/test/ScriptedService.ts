import { NodeHttpServer } from "@effect/platform-node"
import type { RateLimited } from "@user-service/domain/RateLimit"
import { Unauthenticated } from "@user-service/domain/ServiceAccess"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { UserId, UserNotFound } from "@user-service/domain/User"
import { type PreferencesBody, preferencesExample } from "@user-service/schema/Preferences"
import { type InternalError, ServiceAuthentication, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { userExample } from "@user-service/schema/User"
import { Context, Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest } from "effect/http"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { createServer } from "node:http"
import {
  type DeliveryRequest,
  NotificationId,
  type Patience,
  type ResolvedDelivery,
  UserServiceClient
} from "../src/index.ts"

interface Heard {
  readonly procedure: string
  readonly payload: unknown
}

export const key = "a key that the scripted service knows"

/** Who is never there. */
export const nobody = UserId.make("00000000-0000-7000-8000-000000000000")

/** Whose preferences do not match their schema. */
export const unencodable = UserId.make("00000000-0000-7000-8000-000000000001")

const incompletePreferences: typeof PreferencesBody.Type = JSON.parse("{}")

/** A server of the real procedures that answers what it is told to, over a socket. */
export class ScriptedService extends Context.Service<
  ScriptedService,
  Script & { readonly url: string; readonly client: (patience?: Patience) => Layer.Layer<UserServiceClient> }
>()("@user-service/rpc-client/test/ScriptedService") {
  static readonly layer = Layer.unwrap(
    Effect.sync(() => {
      const script: Script = { heard: [], requests: [], refusals: [], endings: [] }
      return Layer.effect(
        ScriptedService,
        Effect.map(HttpServer.HttpServer, ({ address }) => {
          const url = HttpServer.formatAddress(address)
          return { ...script, url, client: (patience = {}) => clientOf(url, patience) }
        })
      ).pipe(
        Layer.provideMerge(HttpRouter.serve(served(script), { disableLogger: true, disableListenLog: true })),
        Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
      )
    })
  )
}

interface Script {
  /** Every call that came, in order. */
  readonly heard: Array<Heard>
  /** The `traceparent` of every request that came. */
  readonly requests: Array<string | undefined>
  /** How the calls to come are refused, one after the other; when it is empty they are not. */
  readonly refusals: Array<Effect.Effect<void, RateLimited | InternalError>>
  /** The same once they are let in. */
  readonly endings: Array<Effect.Effect<void, ServiceUnavailable>>
}

/** A client of the service at the URL that does not wait for long. */
export const clientOf = (url: string, patience: Patience = {}) =>
  UserServiceClient.layerHttp({ url, apiKey: Redacted.make(key), ...patience })

const served = (script: Script) =>
  RpcServer.layerHttp({ group: UserServiceRpc, path: "/rpc", protocol: "http" }).pipe(
    Layer.provide([handlers(script), authentication(script), RpcSerialization.layerSchemaBinary()]),
    Layer.merge(
      HttpRouter.middleware(
        (app) =>
          Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
            script.requests.push(headers["traceparent"])
            return app
          }),
        { global: true }
      )
    )
  )

const authentication = ({ heard, refusals }: Script) =>
  Layer.succeed(
    ServiceAuthentication,
    Effect.fnUntraced(function* (handler, { headers, payload, rpc }) {
      heard.push({ procedure: rpc._tag, payload })
      if (headers["x-api-key"] !== key) return yield* new Unauthenticated({ reason: "unknown" })
      yield* refusals.shift() ?? Effect.void
      return yield* handler
    })
  )

const handlers = ({ endings }: Script) => {
  const answer = <A, E>(value: Effect.Effect<A, E>) =>
    Effect.andThen(
      Effect.suspend(() => endings.shift() ?? Effect.void),
      value
    )
  const of = <A>(id: string, value: A) =>
    answer(id === nobody ? Effect.fail(new UserNotFound()) : Effect.succeed(value))
  const user = (id: string) => ({ ...userExample, id })
  return UserServiceRpc.toLayer({
    IntrospectToken: () => answer(Effect.succeed({ active: false as const })),
    GetUser: ({ user_id }) => of(user_id, user(user_id)),
    GetUsers: ({ user_ids }) => answer(Effect.succeed(user_ids.filter((id) => id !== nobody).map(user))),
    GetPreferences: ({ user_id }) => of(user_id, user_id === unencodable ? incompletePreferences : preferencesExample),
    GetPushTokens: ({ user_id }) => of(user_id, []),
    ResolveDeliveries: ({ deliveries }) => answer(Effect.succeed(deliveries.map(allowed))),
    ReportDeliveryStatus: ({ statuses }) =>
      answer(Effect.succeed(statuses.map(({ notification_id }) => ({ notification_id, outcome: "applied" as const }))))
  })
}

const allowed = ({ category, channel, notification_id, user_id }: DeliveryRequest): ResolvedDelivery => ({
  notification_id: notification_id ?? NotificationId.make("made by the service"),
  user_id,
  channel,
  category,
  decision: "allow",
  rule: null,
  until: null,
  email: null,
  is_verified: true,
  push_tokens: [],
  preferences_version: 1
})
