import { Cache } from "@user-service/cache/Cache"
import { RateLimits } from "@user-service/cache/RateLimits"
import { AccountsRepo } from "@user-service/core/accounts/AccountsRepo"
import { Logins } from "@user-service/core/accounts/Logins"
import { NewAccounts } from "@user-service/core/accounts/NewAccounts"
import { PasswordChanges } from "@user-service/core/accounts/PasswordChanges"
import { NewUsers } from "@user-service/core/accounts/NewUsers"
import { PasswordPolicy } from "@user-service/core/accounts/PasswordPolicy"
import { Passwords } from "@user-service/core/accounts/Passwords"
import { CacheSettings } from "@user-service/core/cached/CacheSettings"
import { Changes } from "@user-service/core/changes/Changes"
import { ChangesRepo } from "@user-service/core/changes/ChangesRepo"
import { Invalidations } from "@user-service/core/cached/Invalidations"
import { OutboxSignal } from "@user-service/core/changes/OutboxSignal"
import { Limits, type LimitSettings } from "@user-service/core/limits/Limits"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { PreferencesRepo } from "@user-service/core/preferences/PreferencesRepo"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { ProfilesRepo } from "@user-service/core/profiles/ProfilesRepo"
import { Representations } from "@user-service/core/cached/Representations"
import { InactivePushTokens } from "@user-service/core/push-tokens/InactivePushTokens"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { PushTokensRepo } from "@user-service/core/push-tokens/PushTokensRepo"
import { Registrations } from "@user-service/core/push-tokens/Registrations"
import { rows } from "@user-service/core/Rows"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import { SessionActivity } from "@user-service/core/sessions/SessionActivity"
import { SessionChanges } from "@user-service/core/sessions/SessionChanges"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { SessionSettings } from "@user-service/core/SessionSettings"
import { SessionsRepo } from "@user-service/core/sessions/SessionsRepo"
import { SessionTokens } from "@user-service/core/sessions/SessionTokens"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Storage } from "@user-service/database/Storage"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import { Email } from "@user-service/domain/Email"
import type { UserId } from "@user-service/domain/User"
import { Keys } from "@user-service/security/Keys"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Duration, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { pbkdf2Sync, randomBytes, randomUUID } from "node:crypto"

/** What a test sets differently. */
export interface Settings {
  readonly sessions?: Partial<SessionSettings["Service"]>
  readonly limits?: Partial<LimitSettings>
  readonly hasher?: Layer.Layer<PasswordHasher>
  readonly estimator?: Layer.Layer<PasswordEstimator>
}

// The lifetimes are short for the sake of what wakes up every few seconds while a test's clock passes over them.
const sessionSettings: SessionSettings["Service"] = {
  accessLifetime: Duration.minutes(10),
  refreshLifetime: Duration.hours(1),
  maxLifetime: Duration.hours(2.5),
  refreshGrace: Duration.seconds(10),
  maxSessions: 50
}

const unlimited: LimitSettings = {
  register: Option.none(),
  loginAccount: Option.none(),
  loginIp: Option.none(),
  refresh: Option.none(),
  changePassword: Option.none(),
  write: Option.none(),
  serviceKey: Option.none(),
  serviceKeyIp: Option.none()
}

/** PGlite with the schema, caches and limits in memory, keys of its own. */
const Engines = Layer.mergeAll(
  Storage.layer.pipe(Layer.provideMerge(TestDatabase.layerPgLite)),
  Cache.layerMemory,
  RateLimits.layerMemory,
  CredentialRefusals.layer,
  TokenSigner.layer({ algorithm: "EdDSA", issuer: "user-service", audience: "user-service" }).pipe(
    Layer.provide(Keys.layerMemory)
  ),
  Digest.layerWebCrypto,
  SecureRandom.layerWebCrypto
)

const Repos = Layer.mergeAll(
  AccountsRepo.layer,
  ChangesRepo.layer,
  PreferencesRepo.layer,
  ProfilesRepo.layer,
  PushTokensRepo.layer,
  SessionsRepo.layer,
  InactivePushTokens.layer({ max: 20 })
)

const Parts = Layer.mergeAll(
  SessionTokens.layer,
  SessionChanges.layer,
  SessionActivity.layer,
  Registrations.layer({ maxActive: 20 }),
  NewUsers.layer,
  Passwords.layer
)

const ChangesLive = Changes.layer.pipe(
  Layer.provideMerge(Invalidations.layer),
  Layer.provide(OutboxSignal.layer),
  Layer.provideMerge(LiveSessions.layer)
)

const Features = Layer.mergeAll(
  Logins.layer,
  NewAccounts.layer,
  PasswordChanges.layer,
  Sessions.layer,
  Profiles.layer,
  Preferences.layer,
  PushTokens.layer
)

/** All of core, with its parts, over the engines that need nothing but this process; hashes at the lowest cost. */
export const layer = ({
  estimator = PasswordEstimator.layer({ queueSize: 64 }),
  hasher = PasswordHasher.layerTest,
  limits,
  sessions
}: Settings = {}) =>
  Features.pipe(
    Layer.provideMerge(Parts),
    Layer.provideMerge(ChangesLive),
    Layer.provideMerge(Repos),
    Layer.provideMerge([
      Layer.succeed(SessionSettings, { ...sessionSettings, ...sessions }),
      Layer.succeed(CacheSettings, { user: Duration.hours(1), preferences: Duration.hours(24) }),
      Layer.succeed(Representations, { user: JSON.stringify, preferences: JSON.stringify }),
      PasswordPolicy.layer({ minLength: 8 }).pipe(Layer.provide(estimator)),
      Limits.layer({ ...unlimited, ...limits })
    ]),
    Layer.provideMerge([Engines, hasher])
  )

export const password = Redacted.make("correct horse battery staple")

/** Registers an account that has nothing but an address and a password. */
export const registerWith = (email: Email, password: Redacted.Redacted<string>) =>
  NewAccounts.use(({ register }) =>
    register({
      email,
      password,
      firstName: "",
      lastName: "",
      username: Option.none(),
      phoneNumber: null,
      pushToken: Option.none(),
      emailEnabled: true,
      pushEnabled: true
    })
  )

/** An address that no account has. */
export const freshEmail = (): Email => Email.make(`p${randomUUID()}@example.com`)

/** Somebody new, with their first session. */
export const register = Effect.gen(function* () {
  const email = freshEmail()
  const { tokens, user } = yield* registerWith(email, password)
  const claims = yield* (yield* TokenSigner).verify("access", tokens.access)
  return { email, userId: user.id, sessionId: claims.sessionId, tokens }
})

/** A hash as Django stored it before bcrypt. */
export const olderHash = (password: Redacted.Redacted<string>, iterations = 10): string => {
  const salt = randomBytes(8).toString("hex")
  const key = pbkdf2Sync(Redacted.value(password), salt, iterations, 32, "sha256").toString("base64")
  return `pbkdf2_sha256$${iterations}$${salt}$${key}`
}

const EventRow = Schema.Struct({ event: Schema.toCodecJson(DomainEvent) })

/** What was told of the user so far. */
export const eventsOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const found = yield* rows(EventRow)(
    sql`select payload as event from outbox where user_id = ${userId} order by position`
  )
  return found.map((row) => row.event)
})

/** The hash as it is stored now. */
export const storedHash = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`select password_hash as hash from users where id = ${userId}`
  return String(row?.["hash"])
})

/** What the effect fails with. */
export const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => error._tag)
