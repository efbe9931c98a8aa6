import { RateLimits } from "@user-service/cache/RateLimits"
import { PasswordPolicySettings } from "@user-service/core/accounts/PasswordPolicySettings"
import { Passwords } from "@user-service/core/accounts/Passwords"
import { CacheSettings } from "@user-service/core/cached/CacheSettings"
import { Representations } from "@user-service/core/cached/Representations"
import { Erasures } from "@user-service/core/erasures/Erasures"
import { LimitSettings } from "@user-service/core/limits/LimitSettings"
import { PasswordResetRequests } from "@user-service/core/recovery/PasswordResetRequests"
import { PasswordResets } from "@user-service/core/recovery/PasswordResets"
import { Unsubscriptions } from "@user-service/core/unsubscribe/Unsubscriptions"
import { Storage } from "@user-service/database/Storage"
import { EmailSpelling } from "@user-service/domain/Email"
import type { UserId } from "@user-service/domain/User"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { Keys } from "@user-service/security/Keys"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { PasswordSettings } from "@user-service/security/PasswordSettings"
import { TokenSettings } from "@user-service/security/TokenSettings"
import { TokenSigner } from "@user-service/security/TokenSigner"
import type { UnsubscribeCategory } from "@user-service/security/UnsubscribeTokens"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { DateTime, Duration, Effect, Layer, Option, Redacted, References } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { messageOf, newDevice, notificationOf, resolvedMail } from "../deliveries/TestStatuses.ts"
import type { ReceivedMail } from "../mails/ReceivedMails.ts"
import { layerSettings, newUser, rename } from "../TestWork.ts"
import { publishAll, retryForAMinute, until } from "./Retries.ts"

const off = Option.none()

/** The services by which the API handles the actions of users, without limits, over the engines. */
export const layer = Layer.mergeAll(
  Erasures.layer,
  PasswordResetRequests.layer,
  PasswordResets.layer,
  Passwords.layer,
  Unsubscriptions.layer
).pipe(
  Layer.provide([
    CredentialRefusals.layer,
    Digest.layerWebCrypto,
    Layer.merge(KeyedHashes.layer, TokenSigner.layer).pipe(Layer.provide(Keys.layerMemory)),
    layerSettings,
    PasswordEstimator.layer,
    PasswordHasher.layerTest,
    RateLimits.layerMemory,
    Layer.succeed(Representations, { user: JSON.stringify, preferences: JSON.stringify }),
    SecureRandom.layerWebCrypto,
    Storage.layer
  ]),
  Layer.provide([
    Layer.succeed(CacheSettings, { user: Duration.hours(1), preferences: Duration.hours(24) }),
    Layer.succeed(TokenSettings, { algorithm: "EdDSA", issuer: "user-service", audience: "user-service" }),
    Layer.succeed(PasswordPolicySettings, { minLength: 8 }),
    Layer.succeed(PasswordSettings, { cost: 4, queueSize: 64, niceness: 0 }),
    Layer.succeed(LimitSettings, {
      register: off,
      loginAccount: off,
      loginIp: off,
      refresh: off,
      changePassword: off,
      auditExport: off,
      passwordReset: off,
      verifyEmail: off,
      mailIp: off,
      confirm: off,
      write: off,
      export: off,
      unsubscribe: off,
      serviceKey: off,
      serviceKeyIp: off
    })
  ])
)

/** Users who each do one thing while processes are killed. */
export interface Accounts {
  readonly resetting: ReadonlyArray<UserId>
  readonly unsubscribing: ReadonlyArray<UserId>
  readonly leaving: ReadonlyArray<LeavingUser>
}

/** A user who will be erased, with data of all kinds. */
interface LeavingUser {
  readonly userId: UserId
  /** Texts that no row may contain afterwards. */
  readonly canaries: ReadonlyArray<string>
  /** A delivery that was resolved before the erasure. */
  readonly resolved: { readonly notification_id: string }
}

/** A password reset whose two confirmations presented one token at the same time. */
export interface Reset {
  readonly userId: UserId
  readonly passwords: ReadonlyArray<string>
  /** Those that were acknowledged. None if the acknowledgement was lost. */
  readonly confirmed: ReadonlyArray<string>
}

export interface Erased extends LeavingUser {
  /** The ids of the status messages that were published after the erasure, and of their notifications. */
  readonly lateMessages: ReadonlyArray<string>
  readonly lateNotifications: ReadonlyArray<string>
}

/** What was acknowledged. */
export interface Acknowledged {
  readonly resets: ReadonlyArray<Reset>
  readonly unsubscribed: ReadonlyArray<UserId>
  readonly erased: ReadonlyArray<Erased>
}

// Unlike a UUID, they cannot be similar to the e-mail of a user.
const passwords = ["weaving algebraic patterns", "composing elaborate music"]

const addressOf = (user: UserId): string => `${user}@example.org`

const newAccount = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const user = yield* newUser
  yield* sql`insert into profiles (id, user_id, created_at, updated_at) values (uuid_v7(), ${user}, now(), now())`
  yield* sql`
    insert into notification_preferences (id, user_id, created_at, updated_at) values (uuid_v7(), ${user}, now(), now())`
  return user
})

const newLeavingUser = Effect.gen(function* () {
  const userId = yield* newAccount
  const device = yield* newDevice(userId, DateTime.formatIso(yield* DateTime.now))
  const resolved = yield* resolvedMail(userId)
  return {
    userId,
    resolved,
    canaries: [addressOf(userId), `canary-${randomUUID()}`, device.token]
  } satisfies LeavingUser
})

/** Makes the accounts of one kill. */
export const make = Effect.gen(function* () {
  return {
    resetting: yield* Effect.replicateEffect(newAccount, 6),
    unsubscribing: yield* Effect.replicateEffect(newAccount, 6),
    leaving: yield* Effect.replicateEffect(newLeavingUser, 6)
  } satisfies Accounts
})

/** Lets the users act, each until the action is acknowledged. */
export const act = Effect.fnUntraced(function* (accounts: Accounts, mails: ReadonlyArray<ReceivedMail>) {
  const [resets, unsubscribed, erased] = yield* Effect.all(
    [
      Effect.forEach(accounts.resetting, (user) => reset(user, mails), { concurrency: 2 }),
      Effect.forEach(accounts.unsubscribing, unsubscribe),
      Effect.forEach(accounts.leaving, erase)
    ],
    { concurrency: 3 }
  )
  return { resets, unsubscribed, erased } satisfies Acknowledged
})

const isReset = (user: UserId) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      sql`select 1 from audit_log where user_id = ${user} and action = 'user.password_reset'`,
      (rows) => rows.length > 0
    )
  )

/** Sets the password, if the token is still valid. */
const confirm = (token: string, password: string) =>
  PasswordResets.use((resets) =>
    resets.confirm({ token: Redacted.make(token), newPassword: Redacted.make(password) })
  ).pipe(
    Effect.as(true),
    Effect.catchTag("OneTimeTokenInvalid", () => Effect.succeed(false)),
    retryForAMinute,
    // Each refusal is a warning in the log, and half of the confirmations are refused.
    Effect.provideService(References.MinimumLogLevel, "Error")
  )

const reset = Effect.fnUntraced(function* (userId: UserId, mails: ReadonlyArray<ReceivedMail>) {
  yield* retryForAMinute(PasswordResetRequests.use(({ submit }) => submit(EmailSpelling.make(addressOf(userId)))))
  const used = new Set<string>()
  // A repeated request may have been recorded twice, and its later token replaces the earlier one.
  while (true) {
    const tokens = () =>
      mails
        .filter(({ body, routingKey }) => routingKey === "password_reset" && body["user_id"] === userId)
        .map(({ body }) => String(body["token"]))
    yield* until(
      `A mail resets the password of ${userId}`,
      Effect.sync(() => tokens().some((token) => !used.has(token)))
    )
    for (const token of tokens().filter((one) => !used.has(one))) {
      used.add(token)
      const accepted = yield* Effect.forEach(passwords, (password) => confirm(token, password), { concurrency: 2 })
      const confirmed = passwords.filter((_, index) => accepted[index])
      if (confirmed.length > 0 || (yield* retryForAMinute(isReset(userId)))) {
        return { userId, passwords, confirmed } satisfies Reset
      }
    }
  }
})

/** Follows the links of two categories, one of them twice at the same time. */
const unsubscribe = Effect.fnUntraced(function* (userId: UserId) {
  yield* Effect.forEach(
    ["marketing", "marketing", "system"] satisfies ReadonlyArray<UnsubscribeCategory>,
    (category) =>
      retryForAMinute(Unsubscriptions.use(({ switchOff }) => switchOff({ userId, channel: "email", category }))),
    { concurrency: 3, discard: true }
  )
  return userId
})

/** Erases the user while statuses of them are processed, and reports further statuses afterwards. */
const erase = Effect.fnUntraced(function* (user: LeavingUser) {
  const { canaries, resolved, userId } = user
  const [, canary = ""] = canaries
  yield* retryForAMinute(rename(userId, canary))
  yield* publishAll(
    ["sent", "failed"].map((status) =>
      messageOf(JSON.stringify({ ...notificationOf(userId), channel: "email", status, error: canary }))
    )
  )
  yield* Erasures.use((erasures) => erasures.erase({ userId, checkedHash: null })).pipe(
    // An attempt that failed may have been committed.
    Effect.catchTag("UserNotFound", () => Effect.void),
    retryForAMinute
  )
  const late = [
    { ...notificationOf(userId), channel: "email", status: "opened", error: canary },
    { notification_id: resolved.notification_id, status: "opened", error: canary }
  ]
  const messages = late.map((status) => messageOf(JSON.stringify(status)))
  yield* publishAll(messages)
  return {
    ...user,
    lateMessages: messages.map(({ messageId = "" }) => messageId),
    lateNotifications: late.map(({ notification_id }) => notification_id)
  } satisfies Erased
})
