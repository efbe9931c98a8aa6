import { assert, describe, it } from "@effect/vitest"
import { ActivityRepo } from "@user-service/core/activity/ActivityRepo"
import { AccountsRepo } from "@user-service/core/accounts/AccountsRepo"
import { IdempotencyKeysRepo } from "@user-service/core/accounts/IdempotencyKeysRepo"
import { ChangesRepo } from "@user-service/core/changes/ChangesRepo"
import { CurrentOrigin } from "@user-service/core/Origin"
import { OldActivity } from "@user-service/core/retention/OldActivity"
import { OldIdempotencyKeys } from "@user-service/core/retention/OldIdempotencyKeys"
import { ExportsRepo } from "@user-service/core/exports/ExportsRepo"
import { FailedLoginsRepo } from "@user-service/core/limits/FailedLoginsRepo"
import { KnownNetworksRepo } from "@user-service/core/accounts/KnownNetworksRepo"
import { OldFailedLogins } from "@user-service/core/retention/OldFailedLogins"
import { OldKnownNetworks } from "@user-service/core/retention/OldKnownNetworks"
import { OldLoginAddresses } from "@user-service/core/retention/OldLoginAddresses"
import { ExpiredOneTimeTokens } from "@user-service/core/retention/ExpiredOneTimeTokens"
import { OneTimeTokensRepo } from "@user-service/core/one-time-tokens/OneTimeTokensRepo"
import { PasswordResetRequestsRepo } from "@user-service/core/recovery/PasswordResetRequestsRepo"
import { RecoveryRepo } from "@user-service/core/recovery/RecoveryRepo"
import { DeadLettersRepo } from "@user-service/core/dead-letters/DeadLettersRepo"
import { OldDeliveryDecisions } from "@user-service/core/retention/OldDeliveryDecisions"
import { OldDeliveries } from "@user-service/core/retention/OldDeliveries"
import { MailOutboxRepo } from "@user-service/core/mails/MailOutboxRepo"
import { FinishedMails } from "@user-service/core/retention/FinishedMails"
import { DeliveryExplanationsRepo } from "@user-service/core/deliveries/DeliveryExplanationsRepo"
import { ErasuresRepo } from "@user-service/core/erasures/ErasuresRepo"
import { OutboxRepo, shardCount } from "@user-service/core/outbox/OutboxRepo"
import { PreferenceHistoryRepo } from "@user-service/core/preferences/PreferenceHistoryRepo"
import { PreferencesRepo } from "@user-service/core/preferences/PreferencesRepo"
import { ProfilesRepo } from "@user-service/core/profiles/ProfilesRepo"
import { InactivePushTokens } from "@user-service/core/push-tokens/InactivePushTokens"
import { PushTokensRepo } from "@user-service/core/push-tokens/PushTokensRepo"
import { RegistrationsRepo } from "@user-service/core/push-tokens/RegistrationsRepo"
import { LiveSessionsRepo } from "@user-service/core/cached/LiveSessionsRepo"
import { AllSessionsRepo } from "@user-service/core/sessions/AllSessionsRepo"
import { SessionsRepo } from "@user-service/core/sessions/SessionsRepo"
import { StaffChangesRepo } from "@user-service/core/staff/StaffChangesRepo"
import { StaffSessionsRepo } from "@user-service/core/staff/StaffSessionsRepo"
import { UserRecordsRepo } from "@user-service/core/staff/UserRecordsRepo"
import { Plans } from "@user-service/database/testing/Plans"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { UserLoggedIn } from "@user-service/domain/DomainEvent"
import { NotificationId } from "@user-service/domain/Delivery"
import { DeadLetterId } from "@user-service/domain/DeadLetter"
import { EmailChangedMail } from "@user-service/domain/Mail"
import { Language } from "@user-service/domain/Profile"
import { DeviceToken, PushTokenId } from "@user-service/domain/PushToken"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { SessionId } from "@user-service/domain/Session"
import { Email } from "@user-service/domain/Email"
import { PhoneNumber, UserId, Username, type UserNotFound } from "@user-service/domain/User"
import { DateTime, Duration, Effect, Layer, Option } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { createHash, randomBytes, randomUUID } from "node:crypto"
import { inject } from "vitest"
import * as TestSettings from "./TestSettings.ts"

const databaseUrl = inject("databaseUrl")

/** As many as make the planner take an index where there is one to take. */
const fill = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`set local statement_timeout = 0`
      yield* sql`
        create function id_of(n integer) returns uuid immutable language sql as $$
          select ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid
        $$`
      yield* sql`
        create function minutes_before(n integer) returns timestamptz stable language sql as $$
          select now() - n * interval '1 minute'
        $$`
      yield* sql`
        insert into users (id, email, username, password_hash, created_at, updated_at)
        select id_of(n), 'user' || n || '@example.org', 'user' || n, 'bcrypt_sha256$' || n, now(), now()
        from generate_series(1, 20000) n`
      yield* sql`
        insert into profiles (id, user_id, created_at, updated_at) select gen_random_uuid(), id, now(), now() from users`
      yield* sql`
        insert into notification_preferences (id, user_id, created_at, updated_at)
        select gen_random_uuid(), id, now(), now() from users`
      yield* sql`
        insert into preference_history (user_id, version, source, actor_id, changes, created_at)
        -- Up to the version of the preferences.
        select id_of(n % 20000 + 1), n / 20000 - 1, 'user', id_of(n % 20000 + 1), '{"emailMarketing": [true, false]}', now()
        from generate_series(0, 59999) n`
      yield* sql`
        insert into login_addresses (user_id, ip, last_login_at) select id, ip, now() - random() * interval '60 days'
        from users, unnest('{::1,::2}'::text[]) ip`
      yield* sql`
        insert into idempotency_keys (route, key_hash, body_hash, user_id, password_fingerprint, created_at)
        select 'register', sha256(username::bytea), sha256(username::bytea), id, sha256(password_hash::bytea),
          now() - random() * interval '48 hours' from users`
      yield* sql`
        insert into known_networks (user_id, kind, hash, last_seen_at)
        select id, kind, sha256(kind::bytea), now() - random() * interval '120 days'
        from users, unnest('{address,network,user_agent}'::text[]) kind`
      yield* sql`
        insert into failed_logins (email_hash, failures, last_failed_at)
        select sha256(n::text::bytea), n % 20, now() - random() * interval '60 days' from generate_series(1, 20000) n`
      yield* sql`
        insert into one_time_tokens (user_id, purpose, token_sha256, email, created_at, expires_at)
        select id, purpose, sha256((username || purpose)::bytea), email, now(), now() + (random() - 0.5) * interval '2 hours'
        from users, unnest('{password_reset,email_verification,email_change}'::text[]) purpose`
      yield* sql`
        insert into password_reset_requests (email, email_canonical, user_agent, created_at)
        select email, email, '', now() from users`
      yield* sql`
        insert into suppressions (user_id, email, reason, created_at) select id, email, 'complaint', now() from users`
      // One in three each is live, ended and expired.
      yield* sql`
        insert into sessions (id, user_id, refresh_token_hash, created_at, refreshed_at, last_seen_at, expires_at, revoked_at,
          revoked_reason)
        select id_of(n), id_of(n % 20000 + 1), sha256(n::text::bytea), at, at, at,
          case n % 3 when 0 then at else now() + interval '7 days' end, case n % 3 when 1 then at end,
          case n % 3 when 1 then 'logout' end
        from generate_series(1, 60000) n, minutes_before(n) at`
      yield* sql`
        insert into push_tokens (id, user_id, session_id, token, token_sha256, platform, token_type, device_id, is_active,
          last_used_at, created_at, updated_at)
        select id_of(n), id_of(n % 20000 + 1), id_of(n), 'token' || n, sha256(('token' || n)::bytea), 'ios', 'apns',
          case n % 2 when 0 then 'device' || n else '' end, n % 5 > 0, at, at, at
        from generate_series(1, 40000) n, minutes_before(n) at`
      // Nearly all of them published, a few waiting and a few set aside.
      yield* sql`
        insert into outbox (id, user_id, user_version, event_type, payload, created_at, published_at, set_aside_at)
        select id_of(n), id_of(n % 20000 + 1), n, 'UserLoggedIn', '{}', at, case when n % 400 > 1 then at end,
          case n % 400 when 1 then at end
        from generate_series(1, 40000) n, minutes_before(n) at`
      // Nearly all of them finished; the others are new, wait for their next attempt, or are expired.
      yield* sql`
        insert into mail_outbox (id, user_id, mail_type, payload, attempts, created_at, next_attempt_at, expires_at, finished_at)
        select id_of(n), id_of(n % 20000 + 1), 'EmailChangedMail', case when n % 200 < 3 then '{}'::jsonb end, n % 2, at,
          now() + interval '1 minute' * (n % 200 - 1), at + interval '10 days', case when n % 200 >= 3 then at end
        from generate_series(1, 40000) n, minutes_before(n) at`
      yield* sql`
        insert into dead_letters (id, digest, queue, reason, routing_key, headers, body, size, received_at,
          replay_requested_at)
        select id_of(n), sha256(n::text::bytea), 'queue', 'reason' || n % 100, 'key', '{}', '{}', 2, at,
          case when n % 200 = 0 then at end
        from generate_series(1, 20000) n, minutes_before(n) at`
      yield* sql`
        insert into deliveries (id, notification_id, place, user_id, status, created_at, updated_at)
        select id_of(n), n::text, 0, id_of(n % 20000 + 1), 'sent', at, at
        from generate_series(1, 40000) n, minutes_before(n) at`
      yield* sql`
        insert into delivery_decisions (notification_id, user_id, channel, category, decision, rule, decided_at, send_at)
        select n::text, id_of(n % 20000 + 1), 'email', 'system', 'deny', 'user_inactive', at, at
        from generate_series(1, 40000) n, minutes_before(n) at`
      yield* sql`
        insert into audit_log (id, user_id, action, created_at)
        select id_of(n), id_of(n % 20000 + 1), 'test', now() from generate_series(1, 40000) n`
      yield* sql`
        insert into activity_minutes (minute, measure, value)
        select date_trunc('minute', now()) - n * interval '1 minute', measure, n
        from generate_series(0, 11519) n, unnest('{registrations,refused_logins,events_waiting,mails_waiting}'::text[]) measure`
      yield* sql`analyze`
    })
  )
})

const Repos = Layer.mergeAll(
  ActivityRepo.layer,
  AccountsRepo.layer,
  ChangesRepo.layer,
  DeadLettersRepo.layer,
  FinishedMails.layer,
  MailOutboxRepo.layer,
  IdempotencyKeysRepo.layer,
  ExportsRepo.layer,
  DeliveryExplanationsRepo.layer,
  ErasuresRepo.layer,
  ExpiredOneTimeTokens.layer,
  OneTimeTokensRepo.layer,
  PasswordResetRequestsRepo.layer,
  RecoveryRepo.layer,
  OldActivity.layer,
  OldDeliveries.layer,
  OldDeliveryDecisions.layer,
  OldIdempotencyKeys.layer,
  FailedLoginsRepo.layer,
  KnownNetworksRepo.layer,
  OldFailedLogins.layer,
  OldKnownNetworks.layer,
  OldLoginAddresses.layer,
  OutboxRepo.layer,
  PreferenceHistoryRepo.layer,
  PreferencesRepo.layer,
  ProfilesRepo.layer,
  InactivePushTokens.layer.pipe(Layer.provide(TestSettings.layer())),
  PushTokensRepo.layer,
  RegistrationsRepo.layer,
  AllSessionsRepo.layer,
  SessionsRepo.layer,
  StaffChangesRepo.layer,
  StaffSessionsRepo.layer,
  UserRecordsRepo.layer,
  LiveSessionsRepo.layer
).pipe(Layer.provide(Storage.layer))

const filled = Layer.mergeAll(Repos, Layer.effectDiscard(Effect.orDie(fill))).pipe(
  Layer.provideMerge(Plans.layer),
  Layer.provide(TestDatabase.layerPostgres(databaseUrl))
)

/** The n-th user, session, token or event: the tokens and sessions of one number are of the user of the next. */
const idOf = (n: number): string => `01900000-0000-7000-8000-${String(n).padStart(12, "0")}`
const sha256 = (text: string): Uint8Array => new Uint8Array(createHash("sha256").update(text).digest())

const userId = UserId.make(idOf(778))
const sessionId = SessionId.make(idOf(777))
const tokenId = PushTokenId.make(idOf(777))
const tokenHash = sha256("token777")

const now = DateTime.nowUnsafe()
const later = DateTime.addDuration(now, Duration.days(7))
const yesterday = DateTime.subtractDuration(now, Duration.days(1))
const page = { page: 2, limit: 20 }
const origin = { ip: "::1", network: "::1", userAgent: "test" }

type Operation = Effect.Effect<unknown, SqlError.SqlError | ServiceUnavailable | UserNotFound>

/** One or more operations for each method, so that a new one is not forgotten. */
type OperationsOf<Repo> = { readonly [Method in keyof Repo]: ReadonlyArray<Operation> }

/**
 * Fails with each statement that reads a table from end to end, or so much of it that it comes to the same. Of a batch the
 * generic plan does not count: it takes the limit for a tenth of the table, and so is never the cheaper one.
 */
const assertIndexed = Effect.fnUntraced(function* (
  operations: Readonly<Record<string, ReadonlyArray<Operation>>>,
  { batch = false } = {}
) {
  const { of } = yield* Plans
  const highestCost = batch ? 1000 : 100
  const slow: Array<object> = []
  for (const [method, variants] of Object.entries(operations)) {
    for (const operation of variants) {
      const plans = yield* of(Effect.provideService(operation, CurrentOrigin, origin))
      assert.isNotEmpty(plans, method)
      for (const { cost, isGeneric, scans, statement } of plans) {
        if (batch && isGeneric) continue
        if (scans.length > 0 || cost > highestCost) slow.push({ method, statement, scans, cost })
      }
    }
  }
  assert.deepStrictEqual(slow, [])
})

describe.skipIf(databaseUrl === "")("over a PostgreSQL with tens of thousands of rows in each table", () => {
  it.layer(filled, { excludeTestServices: true })("each statement finds its rows by an index", (it) => {
    it.effect("of accounts", () =>
      Effect.gen(function* () {
        const repo = yield* AccountsRepo
        const request = { addressHash: sha256("address"), now }
        yield* assertIndexed({
          credentials: [
            repo.credentials({ spelling: "user777@example.org", canonical: "user777@example.org" }, request)
          ],
          owner: [repo.owner(userId)],
          insert: [
            repo.insert(
              {
                id: UserId.make(randomUUID()),
                profileId: randomUUID(),
                preferencesId: randomUUID(),
                email: Email.make("new@example.org"),
                username: Username.make("new"),
                passwordHash: "",
                phoneNumber: PhoneNumber.make("1"),
                firstName: "",
                lastName: "",
                emailEnabled: true,
                pushEnabled: true,
                isStaff: false
              },
              now
            )
          ],
          replacePassword: [repo.replacePassword(userId, "bcrypt_sha256$778", "")],
          recordLogin: [repo.recordLogin(userId, "bcrypt_sha256$778", now)],
          passwordSchemes: [repo.passwordSchemes]
        } satisfies Omit<OperationsOf<AccountsRepo["Service"]>, "freeSuffix">)
        // Its two dozen steps are taken for hundreds.
        const suffixes = [repo.freeSuffix(Username.make("user")), repo.freeSuffix(Username.make("nobody"))]
        yield* assertIndexed({ freeSuffix: suffixes }, { batch: true })
      })
    )

    it.effect("of known networks and failed logins", () =>
      Effect.gen(function* () {
        const networks = yield* KnownNetworksRepo
        const hashed = {
          address: sha256("address"),
          network: sha256("network"),
          userAgent: sha256("user_agent"),
          origin
        }
        yield* assertIndexed({
          record: [networks.record(userId, hashed, now)],
          recordLogin: [
            networks.recordLogin(userId, hashed, now),
            networks.recordLogin(userId, { ...hashed, origin: { ...origin, network: "192.0.2.1" } }, now)
          ],
          remove: [networks.remove(userId)]
        } satisfies OperationsOf<KnownNetworksRepo["Service"]>)
        const failedLogins = yield* FailedLoginsRepo
        const emailHash = sha256("777")
        yield* assertIndexed({
          count: [failedLogins.count({ emailHash, isKnownAddress: false }, now)],
          refund: [failedLogins.refund(emailHash, true)],
          clear: [failedLogins.clear({ emailHash, isKnownAddress: false })],
          remove: [failedLogins.remove(emailHash)],
          state: [failedLogins.state(emailHash, now)],
          emails: [failedLogins.emails(userId)]
        } satisfies OperationsOf<FailedLoginsRepo["Service"]>)
      })
    )

    it.effect("of one-time tokens and of recovery", () =>
      Effect.gen(function* () {
        const tokens = yield* OneTimeTokensRepo
        const token = { userId, tokenHash: sha256("a new token"), createdAt: now, expiresAt: later }
        const newEmail = Email.make("another@example.org")
        const presented = { purpose: "email_change", tokenHash: sha256("user777email_change"), now } as const
        yield* assertIndexed({
          insertPasswordReset: [tokens.insertPasswordReset(token)],
          insertEmailVerification: [tokens.insertEmailVerification(token)],
          insertEmailChange: [
            tokens.insertEmailChange(token, { newEmail, sessionId, checkedHash: "bcrypt_sha256$778" })
          ],
          isEmailAvailable: [tokens.isEmailAvailable(userId, newEmail)],
          find: [tokens.find(presented)],
          consume: [tokens.consume(UserId.make(idOf(777)), presented)],
          remove: [tokens.remove(userId, ["password_reset", "email_change"])],
          removeEmailChange: [tokens.removeEmailChange(userId, "bcrypt_sha256$778")]
        } satisfies OperationsOf<OneTimeTokensRepo["Service"]>)
        const recovery = yield* RecoveryRepo
        yield* assertIndexed({
          unprovedEmail: [recovery.unprovedEmail(userId)],
          verifyEmail: [recovery.verifyEmail(userId, now)],
          setPassword: [recovery.setPassword(userId, "")],
          removePhoneNumber: [recovery.removePhoneNumber(userId)],
          removePushTokens: [recovery.removePushTokens(userId)],
          hideOrigins: [recovery.hideOrigins(userId, now)],
          changeEmail: [recovery.changeEmail(userId, newEmail, Username.make("another"))]
        } satisfies OperationsOf<RecoveryRepo["Service"]>)
        const requests = yield* PasswordResetRequestsRepo
        const email = { spelling: "user777@example.org", canonical: "user777@example.org" }
        yield* assertIndexed(
          {
            insert: [requests.insert(email, now)],
            pending: [requests.pending(DateTime.subtract(now, { hours: 1 }), 50)],
            removeMoot: [requests.removeMoot(now, 50)],
            remove: [requests.remove([idOf(777)])],
            waiting: [requests.waiting(100)]
          } satisfies OperationsOf<PasswordResetRequestsRepo["Service"]>,
          { batch: true }
        )
      })
    )

    it.effect("a free username is found in few steps, however many are taken", () =>
      Effect.gen(function* () {
        const repo = yield* AccountsRepo
        const sql = yield* SqlClient.SqlClient
        const freeSuffix = (stem: string) => repo.freeSuffix(Username.make(stem))
        // "user1" to "user20000" are there.
        assert.strictEqual(yield* freeSuffix("user"), 20_001)
        assert.strictEqual(yield* freeSuffix("USER"), 20_001)
        assert.strictEqual(yield* freeSuffix("user2"), 1000)
        assert.strictEqual(yield* freeSuffix("nobody"), 1)
        const read = Effect.map(
          sql`select coalesce(sum(idx_scan), 0)::int as scans from pg_stat_xact_user_tables where relname = 'users'`,
          ([row]) => Number(row?.["scans"])
        )
        const scans = sql.withTransaction(
          Effect.gen(function* () {
            const before = yield* read
            yield* freeSuffix("user")
            return (yield* read) - before
          })
        )
        assert.isAtMost(yield* scans, 60)
      })
    )

    it.effect("of changes", () =>
      Effect.gen(function* () {
        const repo = yield* ChangesRepo
        const others = Array.from({ length: 10 }, (_, n) => UserId.make(idOf(n + 1)))
        yield* assertIndexed({
          lock: [repo.lock([userId]), repo.lock(others)],
          lockActor: [repo.lockActor(userId)],
          authorities: [repo.authorities([userId, ...others.slice(0, 1)])],
          record: [
            repo.record([{ id: userId, version: 2 }], {
              events: [new UserLoggedIn({ userId })],
              audit: [{ userId, action: "account.logged_in" }]
            })
          ]
        } satisfies OperationsOf<Omit<ChangesRepo["Service"], "changeByStatement">>)
      })
    )

    it.effect("of profiles and preferences", () =>
      Effect.gen(function* () {
        const { changeByStatement } = yield* ChangesRepo
        const profiles = yield* ProfilesRepo
        yield* assertIndexed({
          find: [profiles.find(userId)],
          findNames: [profiles.findNames(userId)],
          update: [profiles.update(userId, { username: Username.make("another"), firstName: "A" }, now)]
        } satisfies OperationsOf<Omit<ProfilesRepo["Service"], "findMany">>)
        yield* assertIndexed({ findMany: [profiles.findMany([userId, UserId.make(idOf(779))])] }, { batch: true })
        const preferences = yield* PreferencesRepo
        const update = {
          userId,
          patch: { emailEnabled: false },
          author: { source: "user", actor: userId },
          now
        } as const
        yield* assertIndexed({
          find: [preferences.find(userId)],
          updateStatement: [
            changeByStatement(userId, preferences.updateStatement({ ...update, expected: "any" })),
            changeByStatement(userId, preferences.updateStatement({ ...update, expected: [1, 2] }))
          ]
        } satisfies OperationsOf<PreferencesRepo["Service"]>)
      })
    )

    it.effect("of sessions", () =>
      Effect.gen(function* () {
        const repo = yield* SessionsRepo
        yield* assertIndexed({
          insert: [
            repo.insert({
              id: SessionId.make(randomUUID()),
              userId,
              deviceName: "",
              refreshTokenHash: sha256(""),
              now,
              expiresAt: later,
              isConsole: false
            })
          ],
          rotate: [
            repo.rotate({
              id: sessionId,
              generation: 1,
              refreshTokenHash: sha256("777"),
              nextRefreshTokenHash: sha256(""),
              now,
              lifetimeSeconds: 1,
              maxSeconds: 1
            })
          ],
          refreshState: [repo.refreshState(sessionId, sha256("777"), now)],
          page: [repo.page(userId, page, now)],
          deviceName: [repo.deviceName(sessionId)],
          end: [
            repo.end(userId, "all", "logout_all", now),
            repo.end(userId, [sessionId], "logout", now),
            repo.end(userId, { allBut: sessionId }, "revoked", now)
          ],
          touch: [repo.touch([sessionId], now)]
        } satisfies OperationsOf<SessionsRepo["Service"]>)
        const live = yield* LiveSessionsRepo
        yield* assertIndexed({
          isAlive: [live.isAlive(userId, sessionId, now)],
          state: [live.state(userId, sessionId, now)],
          notBefore: [live.notBefore]
        } satisfies OperationsOf<LiveSessionsRepo["Service"]>)
        const staff = yield* StaffSessionsRepo
        yield* assertIndexed({
          find: [staff.find(userId, sessionId, now)],
          role: [staff.role(userId)]
        } satisfies OperationsOf<StaffSessionsRepo["Service"]>)
        const acts = yield* StaffChangesRepo
        yield* assertIndexed({
          findByEmail: [acts.findByEmail({ spelling: "a@example.com", canonical: "a@example.com" })],
          authorities: [acts.authorities([]), acts.authorities([userId])],
          setRole: [acts.setRole(userId, "viewer", now), acts.setRole(userId, null, now)],
          setActive: [acts.setActive(userId, false, now)],
          liftSuppressions: [acts.liftSuppressions(userId)]
        } satisfies OperationsOf<StaffChangesRepo["Service"]>)
        const all = yield* AllSessionsRepo
        const silencing = { notBefore: now, silencedTo: null }
        yield* assertIndexed({
          lock: [all.lock],
          raise: [all.raise(now)],
          silencing: [all.silencing(now)],
          advance: [all.advance(silencing, userId)]
        } satisfies Omit<OperationsOf<AllSessionsRepo["Service"]>, "owners" | "deactivate">)
        yield* assertIndexed(
          {
            owners: [all.owners(null, 100), all.owners(userId, 100)],
            deactivate: [all.deactivate([userId, UserId.make(idOf(779))], now)]
          },
          { batch: true }
        )
        const records = yield* UserRecordsRepo
        yield* assertIndexed({
          settingOrigins: [records.settingOrigins(userId)],
          suppressions: [records.suppressions(userId)],
          waitingEvents: [records.waitingEvents(userId)]
        } satisfies OperationsOf<UserRecordsRepo["Service"]>)
      })
    )

    it.effect("of push tokens", () =>
      Effect.gen(function* () {
        const { changeByStatement } = yield* ChangesRepo
        const repo = yield* PushTokensRepo
        const owner = { userId, sessionId }
        const token = {
          token: DeviceToken.make("new"),
          tokenHash: new Uint8Array(randomBytes(32)),
          platform: "ios"
        } as const
        yield* assertIndexed({
          page: [repo.page(userId, page)],
          live: [repo.live(userId)],
          find: [repo.find(userId, tokenId)],
          update: [
            repo.update({ userId, id: tokenId, fields: { isActive: false }, respelling: Option.some(token), now })
          ],
          remove: [repo.remove(userId, [tokenId])],
          reveal: [repo.reveal(userId, tokenId)],
          deactivateAll: [repo.deactivateAll(userId, now)],
          deactivateOfSessions: [repo.deactivateOfSessions([sessionId], now)],
          moveSession: [repo.moveSession(sessionId, SessionId.make(idOf(20777)))]
        } satisfies OperationsOf<PushTokensRepo["Service"]>)
        const inactive = yield* InactivePushTokens
        const trim = { trim: [inactive.trim([userId, UserId.make(idOf(779))])] }
        yield* assertIndexed(trim satisfies OperationsOf<InactivePushTokens["Service"]>, { batch: true })
        const registrations = yield* RegistrationsRepo
        const tokenHashes = [tokenHash, token.tokenHash]
        const held = { owner, platform: "ios", now } as const
        const values = { owner, token, now }
        const statement = { ...values, id: PushTokenId.make(randomUUID()), maxActive: 20 }
        yield* assertIndexed({
          findTargets: [
            registrations.findTargets({ ...held, tokenHashes: [tokenHash], deviceId: "device778" }),
            registrations.findTargets({ ...held, tokenHashes, deviceId: "device778" }),
            registrations.findTargets({ ...held, tokenHashes, deviceId: null }),
            registrations.findTargets({ ...held, tokenHashes: [tokenHash], deviceId: null })
          ],
          insert: [registrations.insert({ ...statement, id: PushTokenId.make(randomUUID()), fields: {} })],
          registerStatement: [
            changeByStatement(userId, registrations.registerStatement({ ...statement, fields: {} })),
            changeByStatement(
              userId,
              registrations.registerStatement({ ...statement, id: tokenId, fields: { deviceId: "device" } })
            )
          ],
          rebind: [registrations.rebind(tokenId, { ...values, fields: { deviceId: "another" } })],
          evict: [registrations.evict({ userId, maxActive: 20, keep: tokenId })]
        } satisfies OperationsOf<RegistrationsRepo["Service"]>)
      })
    )

    it.effect("of explanations", () =>
      Effect.gen(function* () {
        const repo = yield* DeliveryExplanationsRepo
        const notificationId = NotificationId.make("777")
        yield* assertIndexed({
          deliveries: [repo.deliveries(notificationId)],
          decisions: [repo.decisions(notificationId, 50)],
          addressState: [repo.addressState(userId)],
          chargedCount: [repo.chargedCount({ userId, day: "2026-12-01" })]
        } satisfies OperationsOf<DeliveryExplanationsRepo["Service"]>)
      })
    )

    it.effect("of the history of preferences and of exports", () =>
      Effect.gen(function* () {
        const history = yield* PreferenceHistoryRepo
        const exports = yield* ExportsRepo
        const after = { id: idOf(777), at: DateTime.formatIso(now) }
        const pages = (read: ExportsRepo["Service"]["sessions" | "pushTokens" | "deliveries" | "securityLog"]) => [
          read(userId),
          read(userId, after)
        ]
        yield* assertIndexed({
          page: [history.page(userId, page)],
          before: [history.before(userId, 7, 500)],
          after: [history.after(userId, 1, 500)],
          lastOf: [history.lastOf(userId, "emailMarketing", 2), history.lastOf(userId, "pushEnabled", 2)]
        } satisfies OperationsOf<PreferenceHistoryRepo["Service"]>)
        yield* assertIndexed({
          sessions: pages(exports.sessions),
          pushTokens: pages(exports.pushTokens),
          deliveries: pages(exports.deliveries),
          securityLog: pages(exports.securityLog),
          deliveryDecisions: [
            exports.deliveryDecisions(userId),
            exports.deliveryDecisions(userId, { notificationId: NotificationId.make("777"), channel: "email" })
          ],
          suppressions: [exports.suppressions(userId)]
        } satisfies OperationsOf<ExportsRepo["Service"]>)
      })
    )

    it.effect("of the outbox of mails", () =>
      Effect.gen(function* () {
        const repo = yield* MailOutboxRepo
        const mail = new EmailChangedMail({ userId, email: Email.make("a@example.org"), language: Language.make("en") })
        yield* assertIndexed(
          {
            insert: [repo.insert([mail], null, now)],
            take: [repo.take(50, now)],
            finish: [repo.finish([idOf(777)], now)],
            postpone: [repo.postpone([{ id: idOf(777), until: later }])],
            dropExpired: [repo.dropExpired(50, now)],
            lag: [repo.lag(1_000_000)]
          } satisfies OperationsOf<MailOutboxRepo["Service"]>,
          { batch: true }
        )
      })
    )

    it.effect("of the outbox", () =>
      Effect.gen(function* () {
        const repo = yield* OutboxRepo
        const shards = Array.from({ length: shardCount }, (_, shard) => shard)
        const ids = Array.from({ length: 100 }, (_, n) => idOf(n + 1))
        yield* assertIndexed(
          {
            take: [repo.take(1), repo.take(shardCount)],
            waiting: [repo.waiting([3], 10, []), repo.waiting(shards, 10, [userId])],
            markPublished: [repo.markPublished(ids, now)],
            setAside: [repo.setAside(ids, now)],
            lag: [repo.lag(10_000)],
            removePublished: [repo.removePublished(now, 50)],
            replayPublished: [repo.replayPublished(yesterday, now, 50)],
            replaySetAside: [repo.replaySetAside(yesterday, now, 50)]
          } satisfies OperationsOf<OutboxRepo["Service"]>,
          { batch: true }
        )
      })
    )

    it.effect("of dead letters", () =>
      Effect.gen(function* () {
        const repo = yield* DeadLettersRepo
        const ids = [DeadLetterId.make(idOf(777)), DeadLetterId.make(idOf(778))]
        const stored = { queue: "q", reason: "r", routingKey: "k", messageId: null, contentType: null, headers: "{}" }
        const letter = { ...stored, id: DeadLetterId.make(randomUUID()), body: sha256("body"), size: 32 }
        yield* assertIndexed(
          {
            insert: [repo.insert([{ ...letter, digest: sha256("new") }], now)],
            find: [
              repo.find({}, 50),
              repo.find({ ids }, 50),
              repo.find({ reason: "reason7" }, 50),
              repo.find({ after: idOf(777) }, 50),
              repo.find({ reason: "reason7", after: idOf(777) }, 50)
            ],
            lock: [repo.lock(DeadLetterId.make(idOf(777)))],
            requestReplay: [repo.requestReplay(DeadLetterId.make(idOf(777)), now)],
            takeRequested: [repo.takeRequested(Option.none(), 1000), repo.takeRequested(Option.some(idOf(777)), 1000)],
            contents: [repo.contents(ids, 100)],
            remove: [repo.remove(ids)],
            findErased: [repo.findErased(ids)],
            after: [repo.after(Option.none(), 1000), repo.after(Option.some(idOf(777)), 1000)],
            waiting: [repo.waiting(100)],
            removeReceived: [repo.removeReceived(now, 50)]
          } satisfies OperationsOf<DeadLettersRepo["Service"]>,
          { batch: true }
        )
      })
    )

    it.effect("of the activity", () =>
      Effect.gen(function* () {
        const { add, firstMinute, intervals, raise } = yield* ActivityRepo
        const minutes = [{ measure: "registrations", minute: 0, value: 1 } as const]
        const step = Duration.minutes(1)
        const hour = intervals({ from: DateTime.subtractDuration(now, Duration.hours(1)), until: now, step })
        yield* assertIndexed({ add: [add(minutes)], raise: [raise(minutes)], firstMinute: [firstMinute] })
        yield* assertIndexed({ intervals: [hour] }, { batch: true })
        const week = intervals({
          from: DateTime.subtractDuration(now, Duration.days(7)),
          until: now,
          step: Duration.hours(1)
        })
        // Nearly the whole table, which the jobs keep to eight days: one scan of it is the best plan.
        const { of } = yield* Plans
        for (const { cost, scans } of yield* of(week)) {
          assert.isAtMost(scans.length, 1)
          assert.isAtMost(cost, 2500)
        }
      })
    )

    it.effect("of idempotency keys", () =>
      Effect.gen(function* () {
        const repo = yield* IdempotencyKeysRepo
        const request = { route: "register", keyHash: sha256("user777"), bodyHash: sha256("user777") }
        yield* assertIndexed({
          find: [repo.find(request, now)],
          insert: [repo.insert(request, userId, now)],
          isCurrent: [repo.isCurrent(request, userId)]
        } satisfies OperationsOf<IdempotencyKeysRepo["Service"]>)
      })
    )

    it.effect("of jobs and of an erasure", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const activity = yield* OldActivity
        const deliveries = yield* OldDeliveries
        const decisions = yield* OldDeliveryDecisions
        const addresses = yield* OldLoginAddresses
        const oneTimeTokens = yield* ExpiredOneTimeTokens
        const finishedMails = yield* FinishedMails
        const idempotencyKeys = yield* OldIdempotencyKeys
        const networks = yield* OldKnownNetworks
        const failedLogins = yield* OldFailedLogins
        yield* assertIndexed(
          {
            "sessions that may go": [
              sql`select id from sessions where expires_at < ${DateTime.toDate(now)} order by expires_at limit ${50}`
            ],
            "activity that may go": [activity.remove(50)],
            "deliveries that may go": [deliveries.remove(now, 50)],
            "decisions that may go": [decisions.remove(50)],
            "mails that may go": [finishedMails.remove(50)],
            "addresses that may go": [addresses.remove(50)],
            "one-time tokens that may go": [oneTimeTokens.remove(50)],
            "idempotency keys that may go": [idempotencyKeys.remove(50)],
            "networks that may go": [networks.remove(50)],
            "failed logins that may go": [failedLogins.remove(50)],
            "a user": [sql`delete from users where id = ${userId}`]
          },
          { batch: true }
        )
      })
    )

    it.effect("of erasures", () =>
      Effect.gen(function* () {
        const repo = yield* ErasuresRepo
        yield* assertIndexed(
          {
            identity: [repo.identity({ userId, checkedHash: "hash" }), repo.identity({ userId, checkedHash: null })],
            record: [repo.record(userId, ["term"], now)],
            removeResetRequests: [repo.removeResetRequests(userId)],
            removeUser: [repo.removeUser(userId)],
            removeEvents: [repo.removeEvents(userId, 50)],
            clearAudit: [repo.clearAudit(userId, now, 50)],
            clearActions: [repo.clearActions(userId, 50)],
            clearDeliveries: [repo.clearDeliveries(userId, 50)],
            removeDecisions: [repo.removeDecisions(userId, 50)],
            unfinished: [repo.unfinished(50)],
            finish: [repo.finish(userId, now)],
            following: [repo.following({ erasedAt: now, userId }, 50)],
            states: [repo.states([userId])],
            recordFinished: [repo.recordFinished([{ userId, erasedAt: now }], now)]
          } satisfies OperationsOf<ErasuresRepo["Service"]>,
          { batch: true }
        )
      })
    )
  })
})
