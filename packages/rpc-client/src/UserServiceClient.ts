import { DeliveryTimeOutOfReach, maxReported, maxResolved, NotificationId } from "@user-service/domain/Delivery"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import type {
  DeliveryRequestInput,
  ResolvedDelivery,
  StatusReportInput,
  StatusResult
} from "@user-service/schema/Delivery"
import { IntrospectInput, type TokenIntrospection } from "@user-service/schema/Introspection"
import type { PreferencesBody } from "@user-service/schema/Preferences"
import type { LivePushToken } from "@user-service/schema/PushToken"
import type { UserBody } from "@user-service/schema/User"
import { maxUsers } from "@user-service/schema/UserBatch"
import { Array, Context, Effect, Layer, Option, type Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { FetchHttpClient, type HttpClient } from "effect/http"
import type { Address } from "./Address.ts"
import * as Batches from "./Batches.ts"
import { Procedures } from "./Procedures.ts"
import { type Patience, Resilience } from "./Resilience.ts"
import type { CallFailure } from "./Unreachable.ts"

/** A user, in the shape of the plain-HTTP API. */
export type User = typeof UserBody.Type

/** The notification preferences of a user. */
export type Preferences = typeof PreferencesBody.Type

/** A notification that is to be sent to a user. */
export type DeliveryRequest = typeof DeliveryRequestInput.Type

/** The status of a notification that was sent. */
export type StatusReport = typeof StatusReportInput.Type

/** The service, the key, and the timeouts and retries. */
export interface ClientOptions extends Address, Patience {}

/**
 * The user service, for senders and gateways. Every call is safe to repeat, and is retried until its deadline, see
 * {@link Patience}. Look-ups of the same tick share one call (request batching).
 */
export class UserServiceClient extends Context.Service<
  UserServiceClient,
  {
    /** The claims of an access token (RFC 7662). Expired and revoked tokens are inactive. To guard requests, use `TokenVerifier`. */
    readonly introspectToken: (token: Redacted.Redacted<string>) => Effect.Effect<TokenIntrospection, CallFailure>
    /** One user. Requests of the same tick share one call. */
    readonly getUser: (userId: UserId) => Effect.Effect<User, UserNotFound | CallFailure>
    /** The users that exist, each once, in the order of the ids. Reads 1,000 users a call. */
    readonly getUsers: (userIds: ReadonlyArray<UserId>) => Effect.Effect<ReadonlyArray<User>, CallFailure>
    /** The preferences of a user. Requests of the same tick for the same user are one read. */
    readonly getPreferences: (userId: UserId) => Effect.Effect<Preferences, UserNotFound | CallFailure>
    /** The live push tokens of a user, the last used first. Requests of the same tick for the same user are one read. */
    readonly getPushTokens: (userId: UserId) => Effect.Effect<ReadonlyArray<LivePushToken>, UserNotFound | CallFailure>
    /** Decides on one delivery, see `resolveDeliveries`. Requests of the same tick share one call. */
    readonly resolveDelivery: (
      delivery: DeliveryRequest
    ) => Effect.Effect<ResolvedDelivery, DeliveryTimeOutOfReach | CallFailure>
    /**
     * Decides on each delivery, in order, 1,000 a call. A delivery without a `notification_id` gets one before the first
     * attempt, so that retries charge it once. To repeat a call that failed, give the ids yourself.
     */
    readonly resolveDeliveries: (
      deliveries: ReadonlyArray<DeliveryRequest>
    ) => Effect.Effect<ReadonlyArray<ResolvedDelivery>, DeliveryTimeOutOfReach | CallFailure>
    /** Reports the status of each notification, and returns the outcomes in order. Reports 1,000 a call. Idempotent. */
    readonly reportDeliveryStatuses: (
      statuses: ReadonlyArray<StatusReport>
    ) => Effect.Effect<ReadonlyArray<StatusResult>, CallFailure>
  }
>()("@user-service/rpc-client/UserServiceClient") {
  /** The client over the platform's `fetch`. */
  static readonly layerHttp = (options: ClientOptions): Layer.Layer<UserServiceClient> =>
    UserServiceClient.layer(options).pipe(Layer.provide(FetchHttpClient.layer))

  /** The client over another `HttpClient`, such as that of `@effect/platform-node`, which keeps its connections better. */
  static readonly layer = (options: ClientOptions): Layer.Layer<UserServiceClient, never, HttpClient.HttpClient> =>
    Layer.effect(UserServiceClient, make).pipe(
      Layer.provide([Procedures.layer(options), Resilience.layer(options), SecureRandom.layerWebCrypto])
    )
}

const make = Effect.gen(function* () {
  const { calls, lookUps } = yield* Procedures
  const { persist } = yield* Resilience
  const random = yield* SecureRandom.SecureRandom

  const named = (delivery: DeliveryRequest) =>
    delivery.notification_id === undefined
      ? Effect.map(random.uuidV7(), (id) => ({ ...delivery, notification_id: NotificationId.make(id) }))
      : Effect.succeed(delivery)

  const getUsers = Effect.fn("UserServiceClient.getUsers")(function* (userIds: ReadonlyArray<UserId>) {
    const found = yield* Effect.forEach(
      Array.chunksOf(Array.dedupe(userIds), maxUsers),
      (user_ids) => persist(calls.GetUsers({ user_ids })),
      { concurrency: 2 }
    )
    return found.flat()
  })

  const resolveDeliveries = Effect.fn("UserServiceClient.resolveDeliveries")(function* (
    deliveries: ReadonlyArray<DeliveryRequest>
  ) {
    const chunks = Array.chunksOf(yield* Effect.forEach(deliveries, named), maxResolved)
    const resolved = yield* Effect.forEach(chunks, (chunk, index) =>
      persist(calls.ResolveDeliveries({ deliveries: chunk })).pipe(
        Effect.catchTag("DeliveryTimeOutOfReach", ({ indexes }) =>
          Effect.fail(
            new DeliveryTimeOutOfReach({ indexes: Array.map(indexes, (within) => index * maxResolved + within) })
          )
        )
      )
    )
    return resolved.flat()
  })

  const getUser = Batches.users({ one: (user_id) => persist(calls.GetUser({ user_id })), many: getUsers })
  const getPreferences = Batches.ofUser((user_id) => persist(lookUps.GetPreferences({ user_id })))
  const getPushTokens = Batches.ofUser((user_id) => persist(lookUps.GetPushTokens({ user_id })))
  const resolveDelivery = Batches.deliveries(resolveDeliveries)

  return UserServiceClient.of({
    introspectToken: Effect.fn("UserServiceClient.introspectToken")(function* (token) {
      const input = IntrospectInput.makeOption({ token })
      // A text that no token can have.
      if (Option.isNone(input)) return { active: false }
      return yield* persist(lookUps.IntrospectToken(input.value))
    }),
    // No span of its own: it is the most frequent call, and its HTTP request has a span.
    getUser,
    getUsers,
    getPreferences: Effect.fn("UserServiceClient.getPreferences")(getPreferences),
    getPushTokens: Effect.fn("UserServiceClient.getPushTokens")(getPushTokens),
    resolveDelivery: Effect.fn("UserServiceClient.resolveDelivery")(resolveDelivery),
    resolveDeliveries,
    reportDeliveryStatuses: Effect.fn("UserServiceClient.reportDeliveryStatuses")(function* (
      statuses: ReadonlyArray<StatusReport>
    ) {
      const results = yield* Effect.forEach(Array.chunksOf(statuses, maxReported), (chunk) =>
        persist(calls.ReportDeliveryStatus({ statuses: chunk }))
      )
      return results.flat()
    })
  })
})
