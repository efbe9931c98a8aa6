import type * as DeliveryPlan from "@user-service/domain/deliveries/DeliveryPlan"
import type { Decision } from "@user-service/domain/deliveries/DeliveryRules"
import { DeliveryId, DeliveryTimeOutOfReach, isWithinReach, NotificationId } from "@user-service/domain/Delivery"
import { defaultSettings, Preferences, PreferenceSettings } from "@user-service/domain/Preferences"
import { DeviceTokenMalformed, formOf } from "@user-service/domain/DeviceTokenForm"
import { DeviceToken, type Platform, PushTokenId, type TokenType } from "@user-service/domain/PushToken"
import { Email } from "@user-service/domain/Email"
import { SessionId } from "@user-service/domain/Session"
import { UserId, UserNotFound } from "@user-service/domain/User"
import { type ResolvedDelivery, statusReport } from "@user-service/schema/Delivery"
import type { TokenIntrospection } from "@user-service/schema/Introspection"
import { preferencesBody, PreferencesInput } from "@user-service/schema/Preferences"
import { timestamp } from "@user-service/schema/Timestamp"
import { userExample } from "@user-service/schema/User"
import { Array, Context, DateTime, Effect, Layer, Option, Redacted, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import * as TestDeliveries from "./TestDeliveries.ts"
import { type DeliveryRequest, type User, UserServiceClient } from "../UserServiceClient.ts"

/** A user to add. Fields that are left out have the values of a new registration. */
export interface NewTestUser {
  readonly email?: string
  readonly username?: string
  readonly timezone?: string
  readonly is_active?: boolean
  readonly is_verified?: boolean
  readonly preferences?: typeof PreferencesInput.Encoded
  readonly push_tokens?: ReadonlyArray<{
    readonly token: string
    readonly platform: Platform
    /** Default: `fcm`. */
    readonly token_type?: TokenType
  }>
}

/** A user that was added, with an active session. */
export interface TestUser {
  readonly userId: UserId
  readonly accessToken: Redacted.Redacted<string>
}

/** The users of the client in memory, see {@link layerTest}. */
export class TestUsers extends Context.Service<
  TestUsers,
  {
    readonly add: (user?: NewTestUser) => Effect.Effect<TestUser>
    /** Ends the session of the token, as a logout does. */
    readonly logOut: (accessToken: Redacted.Redacted<string>) => Effect.Effect<void>
    /** Erases the user. */
    readonly remove: (userId: UserId) => Effect.Effect<void>
    /** The client that reads these users. */
    readonly client: UserServiceClient["Service"]
  }
>()("@user-service/rpc-client/testing/TestUsers") {
  static readonly layer = Layer.effect(
    TestUsers,
    Effect.suspend(() => make)
  ).pipe(Layer.provide(SecureRandom.layerWebCrypto))
}

/** A client in memory, without a service and a network. It decides by the service's own rules, on users from {@link TestUsers}. */
export const layerTest: Layer.Layer<UserServiceClient | TestUsers> = Layer.effect(
  UserServiceClient,
  Effect.map(TestUsers, ({ client }) => client)
).pipe(Layer.provideMerge(TestUsers.layer))

const decodePreferences = Schema.decodeUnknownEffect(PreferencesInput)

interface KnownUser extends TestDeliveries.TestRecipient {
  readonly user: User
}

const make = Effect.gen(function* () {
  const random = yield* SecureRandom.SecureRandom
  const users = new Map<UserId, KnownUser>()
  const tokens = new Map<string, TokenIntrospection>()
  const deliveries = TestDeliveries.make(users)

  const find = (userId: UserId) => users.get(UserId.make(userId.toLowerCase()))

  const known = (userId: UserId) => {
    const user = find(userId)
    return user === undefined ? Effect.fail(new UserNotFound()) : Effect.succeed(user)
  }

  const logIn = Effect.fnUntraced(function* (userId: UserId) {
    const issued = Math.floor((yield* DateTime.now).epochMilliseconds / 1000)
    const jti = yield* random.uuidV4()
    tokens.set(jti, {
      active: true,
      sub: userId,
      user_id: userId,
      sid: SessionId.make(yield* random.uuidV7()),
      jti,
      iss: "user-service",
      aud: "user-service",
      iat: issued,
      exp: issued + 3600,
      token_type: "access"
    })
    return Redacted.make(jti)
  })

  const add = Effect.fnUntraced(function* (input: NewTestUser = {}) {
    const userId = UserId.make(yield* random.uuidV7())
    const now = yield* DateTime.now
    const patch = yield* Effect.orDie(decodePreferences(input.preferences ?? {}))
    const settings = new PreferenceSettings({ ...defaultSettings, ...patch })
    const pushTokens = yield* Effect.forEach(input.push_tokens ?? [], ({ platform, token, token_type = "fcm" }) =>
      Effect.gen(function* () {
        const form = formOf(token_type, DeviceToken.make(token))
        if (Option.isNone(form))
          return yield* Effect.die(new DeviceTokenMalformed({ field: "token", tokenType: token_type }))
        return { id: PushTokenId.make(yield* random.uuidV7()), token: form.value, platform, token_type }
      })
    )
    const preferences = new Preferences({ ...settings, id: userId, createdAt: now, updatedAt: now, version: 1 })
    const user = userOf(userId, input, preferencesBody(preferences))
    const timezone = user.profile.timezone
    users.set(userId, {
      user,
      isActive: user.is_active,
      timezone,
      settings,
      email: Email.make(user.email),
      addedAt: now,
      isSuppressed: false,
      // The service lists the last used token first.
      pushTokens: pushTokens.toReversed()
    })
    return { userId, accessToken: yield* logIn(userId) }
  })

  const getUsers = (userIds: ReadonlyArray<UserId>) =>
    Effect.sync(() => Array.dedupe(userIds.flatMap((userId) => find(userId) ?? [])).map(toUser))

  const resolveDeliveries = Effect.fnUntraced(function* (requests: ReadonlyArray<DeliveryRequest>) {
    const now = yield* DateTime.now
    const isOut = ({ at = now }: DeliveryRequest) => !isWithinReach(at, now)
    const indexes = [...requests.keys()].filter((index) => requests.slice(index, index + 1).some(isOut))
    if (Array.isArrayNonEmpty(indexes)) return yield* new DeliveryTimeOutOfReach({ indexes })
    const identified = yield* Effect.forEach(requests, (request) => identify(request, now))
    return yield* Effect.forEach(deliveries.resolve(identified, now), ({ decision, request }) =>
      Effect.map(Effect.orDie(Effect.fromNullishOr(decision)), (decided) => resolvedOf(request, decided))
    )
  })

  const identify = ({ at, category, channel, notification_id, user_id }: DeliveryRequest, now: DateTime.Utc) =>
    Effect.map(random.uuidV7(), (id) => ({
      id: DeliveryId.make(id),
      notificationId: notification_id ?? NotificationId.make(id),
      isNamed: notification_id !== undefined,
      userId: user_id,
      channel,
      category,
      at: at ?? now
    }))

  const resolvedOf = (request: DeliveryPlan.Request, { decision, rule, until }: Decision): ResolvedDelivery => {
    const { category, channel, notificationId, userId } = request
    const recipient = users.get(userId)
    const isAllowed = decision === "allow"
    return {
      notification_id: notificationId,
      user_id: userId,
      channel,
      category,
      decision,
      rule,
      until: until === null ? null : timestamp(until),
      email: isAllowed && channel === "email" ? (recipient?.user.email ?? null) : null,
      is_verified: recipient?.user.is_verified ?? false,
      push_tokens: isAllowed && channel === "push" ? (recipient?.pushTokens ?? []) : [],
      preferences_version: recipient === undefined ? null : 1
    }
  }

  return TestUsers.of({
    add,
    logOut: (accessToken) => Effect.sync(() => tokens.delete(Redacted.value(accessToken))),
    remove: (userId) => Effect.sync(() => users.delete(userId)),
    client: {
      introspectToken: Effect.fnUntraced(function* (token) {
        const claims = tokens.get(Redacted.value(token))
        const now = (yield* DateTime.now).epochMilliseconds / 1000
        const isLive = claims?.active === true && claims.exp > now && users.get(claims.sub)?.isActive === true
        return isLive ? claims : { active: false }
      }),
      getUser: (userId) => Effect.map(known(userId), toUser),
      getUsers,
      getPreferences: (userId) => Effect.map(known(userId), ({ user }) => user.notification_preferences),
      getPushTokens: (userId) => Effect.map(known(userId), ({ pushTokens }) => pushTokens),
      resolveDelivery: (request) =>
        Effect.flatMap(resolveDeliveries([request]), ([resolved]) => Effect.orDie(Effect.fromNullishOr(resolved))),
      resolveDeliveries,
      reportDeliveryStatuses: Effect.fnUntraced(function* (statuses) {
        const reports = yield* Effect.forEach(statuses, (status) =>
          Effect.map(random.uuidV7(), (id) => ({ ...statusReport(status), id: DeliveryId.make(id) }))
        )
        const outcomes = deliveries.report(reports, yield* DateTime.now)
        return Array.zipWith(statuses, outcomes, ({ notification_id }, outcome) => ({ notification_id, outcome }))
      })
    }
  })
})

const userOf = (userId: UserId, input: NewTestUser, preferences: User["notification_preferences"]): User => {
  const name = `u${userId.replaceAll("-", "")}`
  return {
    ...userExample,
    id: userId,
    email: input.email ?? `${name}@example.com`,
    username: input.username ?? name,
    is_active: input.is_active ?? true,
    is_verified: input.is_verified ?? false,
    profile: { ...userExample.profile, id: userId, timezone: input.timezone ?? "UTC" },
    notification_preferences: preferences
  }
}

const toUser = ({ pushTokens, user }: KnownUser): User => ({ ...user, push_tokens_count: pushTokens.length })
