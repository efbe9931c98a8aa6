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
import { TestUsers } from "./testing/TestUsers.ts"
import type { CallFailure } from "./Unreachable.ts"

/** A user, as the service shows them. */
export type User = typeof UserBody.Type

/** How a user wants to be reached. */
export type Preferences = typeof PreferencesBody.Type

/** Something to be sent to a user. */
export type DeliveryRequest = typeof DeliveryRequestInput.Type

/** What became of something that was sent. */
export type StatusReport = typeof StatusReportInput.Type

/** Where the service is, who asks, and how long they wait. */
export interface ClientOptions extends Address, Patience {}

/**
 * The user service, for those that send to users or guard what users may do. Every call may be made again, and is, within
 * its deadline; see {@link Patience}.
 */
export class UserServiceClient extends Context.Service<
  UserServiceClient,
  {
    /** What a live access token says, revoked ones included among those that are not; see `TokenVerifier` for a guard. */
    readonly introspectToken: (token: Redacted.Redacted<string>) => Effect.Effect<TokenIntrospection, CallFailure>
    /** Those asked for in the same tick are read in one call. */
    readonly getUser: (userId: UserId) => Effect.Effect<User, UserNotFound | CallFailure>
    /** Those that exist, each once, in the order they are first named; in calls of 1,000. */
    readonly getUsers: (userIds: ReadonlyArray<UserId>) => Effect.Effect<ReadonlyArray<User>, CallFailure>
    /** Asked for in the same tick, a user's are read once. */
    readonly getPreferences: (userId: UserId) => Effect.Effect<Preferences, UserNotFound | CallFailure>
    /** The live ones, the last used first. Asked for in the same tick, a user's are read once. */
    readonly getPushTokens: (userId: UserId) => Effect.Effect<ReadonlyArray<LivePushToken>, UserNotFound | CallFailure>
    /** Those asked for in the same tick are decided upon in one call. */
    readonly resolveDelivery: (
      delivery: DeliveryRequest
    ) => Effect.Effect<ResolvedDelivery, DeliveryTimeOutOfReach | CallFailure>
    /**
     * Decides upon each, in order; in calls of 1,000. A notification without an id gets one before the first try, so that it
     * is charged once; where a failure is to be asked about again later, name it yourself.
     */
    readonly resolveDeliveries: (
      deliveries: ReadonlyArray<DeliveryRequest>
    ) => Effect.Effect<ReadonlyArray<ResolvedDelivery>, DeliveryTimeOutOfReach | CallFailure>
    /** Tells what became of each; answers in order, in calls of 1,000. Idempotent. */
    readonly reportDeliveryStatuses: (
      statuses: ReadonlyArray<StatusReport>
    ) => Effect.Effect<ReadonlyArray<StatusResult>, CallFailure>
  }
>()("@user-service/rpc-client/UserServiceClient") {
  /** The service at the URL, over the platform's `fetch`. */
  static readonly layerHttp = (options: ClientOptions): Layer.Layer<UserServiceClient> =>
    UserServiceClient.layer(options).pipe(Layer.provide(FetchHttpClient.layer))

  /** The same over another HTTP client, as that of `@effect/platform-node`, which keeps its connections better. */
  static readonly layer = (options: ClientOptions): Layer.Layer<UserServiceClient, never, HttpClient.HttpClient> =>
    Layer.effect(UserServiceClient, make).pipe(
      Layer.provide([Procedures.layer(options), Resilience.layer(options), SecureRandom.layerWebCrypto])
    )

  /** No service and no network: the users are those that are added to {@link TestUsers}, under the same rules. */
  static readonly layerTest: Layer.Layer<UserServiceClient | TestUsers> = Layer.effect(
    UserServiceClient,
    Effect.map(TestUsers, ({ client }) => client)
  ).pipe(Layer.provideMerge(TestUsers.layer))
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
      // What cannot be a token is none.
      if (Option.isNone(input)) return { active: false }
      return yield* persist(lookUps.IntrospectToken(input.value))
    }),
    // Without a span of its own: it is asked for the most, and its request has one.
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
