import { Cache } from "@user-service/cache/Cache"
import { RateLimits } from "@user-service/cache/RateLimits"
import { FailedLogins } from "@user-service/core/limits/FailedLogins"
import { Logins } from "@user-service/core/accounts/Logins"
import { NewAccounts } from "@user-service/core/accounts/NewAccounts"
import { PasswordChanges } from "@user-service/core/accounts/PasswordChanges"
import { Invalidations } from "@user-service/core/cached/Invalidations"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import { Representations } from "@user-service/core/cached/Representations"
import { Changes } from "@user-service/core/changes/Changes"
import { ErasureBatches } from "@user-service/core/erasures/ErasureBatches"
import { Erasures } from "@user-service/core/erasures/Erasures"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { PreferencesRepo } from "@user-service/core/preferences/PreferencesRepo"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { Registrations } from "@user-service/core/push-tokens/Registrations"
import { EmailChangeRequests } from "@user-service/core/recovery/EmailChangeRequests"
import { StaffMails } from "@user-service/core/recovery/StaffMails"
import { rows } from "@user-service/core/Rows"
import { AllSessions } from "@user-service/core/sessions/AllSessions"
import { SessionActivity } from "@user-service/core/sessions/SessionActivity"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { SilencedPushTokens } from "@user-service/core/sessions/SilencedPushTokens"
import { AccountStates } from "@user-service/core/staff/AccountStates"
import { Roles } from "@user-service/core/staff/Roles"
import { Invitations } from "@user-service/core/staff/Invitations"
import { StaffDeadLetters } from "@user-service/core/staff/StaffDeadLetters"
import { StaffErasures } from "@user-service/core/staff/StaffErasures"
import { Suppressions } from "@user-service/core/staff/Suppressions"
import { Unsubscriptions } from "@user-service/core/unsubscribe/Unsubscriptions"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import { Email } from "@user-service/domain/Email"
import { SecurityNoticeMail } from "@user-service/domain/Mail"
import type { UserId } from "@user-service/domain/User"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { Keys } from "@user-service/security/Keys"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import type { PasswordSettings } from "@user-service/security/PasswordSettings"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { UnsubscribeTokens } from "@user-service/security/UnsubscribeTokens"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Effect, Layer, Option, Redacted, Schema } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient, type SqlError } from "effect/sql"
import { pbkdf2Sync, randomBytes, randomUUID } from "node:crypto"
import * as TestSettings from "./TestSettings.ts"

/** What a test sets or builds differently. */
export interface Settings extends TestSettings.Overrides {
  readonly database?: Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>
  readonly hasher?: Layer.Layer<PasswordHasher>
  readonly estimator?: Layer.Layer<PasswordEstimator, never, PasswordSettings>
}

/** Caches and limits in memory, keys of its own. */
const Engines = Layer.mergeAll(
  Cache.layerMemory,
  RateLimits.layerMemory,
  CredentialRefusals.layer,
  Layer.succeed(Representations, { user: JSON.stringify, preferences: JSON.stringify }),
  Layer.mergeAll(KeyedHashes.layer, TokenSigner.layer, UnsubscribeTokens.layer).pipe(Layer.provide(Keys.layerMemory)),
  Digest.layerWebCrypto,
  SecureRandom.layerWebCrypto
)

const Features = Layer.mergeAll(
  AccountStates.layer,
  AllSessions.layer,
  Changes.layer,
  ErasureBatches.layer,
  EmailChangeRequests.layer,
  Erasures.layer,
  FailedLogins.layer,
  Invalidations.layer,
  Invitations.layer,
  LiveSessions.layer,
  Logins.layer,
  NewAccounts.layer,
  PasswordChanges.layer,
  Preferences.layer,
  PreferencesRepo.layer,
  Profiles.layer,
  PushTokens.layer,
  Registrations.layer,
  SessionActivity.layer,
  Roles.layer,
  Sessions.layer,
  SilencedPushTokens.layer,
  StaffDeadLetters.layer,
  StaffErasures.layer,
  StaffMails.layer,
  Suppressions.layer,
  Unsubscriptions.layer
)

/**
 * The services of core over the engines that need nothing but this process, PGlite unless the test names another database; hashes at the
 * lowest cost.
 */
export const layer = ({
  database = TestDatabase.layerPgLite,
  estimator = PasswordEstimator.layer,
  hasher = PasswordHasher.layerTest,
  ...overrides
}: Settings = {}) =>
  Features.pipe(
    Layer.provideMerge([Engines, Storage.layer.pipe(Layer.provideMerge(database)), estimator, hasher]),
    Layer.provideMerge(TestSettings.layer(overrides))
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

const NoticeRow = Schema.Struct({ notice: Schema.toCodecJson(SecurityNoticeMail) })

/** The security notices to the user so far. */
export const noticesOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const found = yield* rows(NoticeRow)(sql`
    select payload as notice from mail_outbox
    where user_id = ${userId} and mail_type = 'SecurityNoticeMail' order by id`)
  return found.map((row) => row.notice)
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
