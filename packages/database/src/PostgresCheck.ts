import { PgConnection } from "@effect/sql-pg"
import type { EngineUnusable } from "@user-service/domain/EngineUnusable"
import { Context, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { SqlError } from "effect/sql"
import type { PostgresAddress } from "./PostgresAddress.ts"
import { poolerAdvice, unusable, unusableBecause } from "./PostgresFailure.ts"
import { directSession, pooledSession, serverLimits, startTimeoutOf } from "./PostgresSession.ts"
import type { PostgresSettings } from "./PostgresSettings.ts"

/**
 * Checks at the start of a program that PostgreSQL, and a pooler in front of it, can be used with these settings. A failure
 * explains the reason to the operator (decision 0022).
 */
export class PostgresCheck extends Context.Service<
  PostgresCheck,
  {
    readonly check: Effect.Effect<void, EngineUnusable>
  }
>()("@user-service/database/PostgresCheck") {
  static readonly layer = (settings: PostgresSettings): Layer.Layer<PostgresCheck> =>
    Layer.succeed(PostgresCheck, { check: Effect.scoped(check(settings)) })
}

/** Fails if PostgreSQL cannot be used. Always succeeds with the embedded database. */
export const requirePostgres: Effect.Effect<void, EngineUnusable> = Effect.flatMap(
  Effect.serviceOption(PostgresCheck),
  Option.match({ onNone: () => Effect.void, onSome: ({ check }) => check })
)

const check = Effect.fn("PostgresCheck.check")(function* (settings: PostgresSettings) {
  const { address, direct = address } = settings
  // A start has more time than a request.
  const pool: Login = { address, session: { ...pooledSession(settings), connectTimeout: startTimeoutOf(address) } }
  const server: Login = { address: direct, session: directSession(settings) }
  const atPool = yield* inspect(pool)
  const atServer = direct === address ? atPool : yield* inspect(server)
  if (atPool.database !== atServer.database) {
    return yield* unusable(direct, `this is a different database from that of ${address.variable}`)
  }
  if (atServer.isBehindPooler && (yield* inspectPooler(server)).sharesSessions) {
    return yield* unusable(direct, direct === address ? poolerAdvice : "a pooler answers there, not PostgreSQL itself")
  }
  if (!atPool.isBehindPooler) return
  if (!(yield* inspectPooler(pool)).keepsStatements) {
    return yield* unusable(address, "its pooler loses prepared statements; set DATABASE_PREPARED_STATEMENTS=off")
  }
  if (atPool.statementTimeout === "0") yield* warnAboutMissingLimits(address)
})

const warnAboutMissingLimits = ({ user }: PostgresAddress) =>
  Effect.logWarning(
    "Statements outside transactions have no time limit on the server, because of the pooler in front of it. Set these for the role:",
    Object.entries(serverLimits).map(([name, value]) => `alter role "${user}" set ${name} = '${value}ms'`)
  )

/** An address and the configuration of a session there. */
interface Login {
  readonly address: PostgresAddress
  readonly session: PgConnection.Config
}

const connect = ({ address, session }: Login) =>
  Effect.mapError(PgConnection.make(session), (error) => unusableBecause(address, error))

const Inspection = Schema.Struct({ pid: Schema.Int, database: Schema.String, statement_timeout: Schema.String })

const inspect = (login: Login) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* connect(login)
      const { rows } = yield* Effect.mapError(
        connection.query(`
          select pg_backend_pid() as pid,
            current_database() || ' ' || pg_postmaster_start_time() as database,
            current_setting('statement_timeout') as statement_timeout`),
        (error) => unusableBecause(login.address, error)
      )
      const found = yield* Effect.orDie(Schema.decodeUnknownEffect(Inspection)(rows[0]))
      return {
        /** The name and the start time of the server, which identify the database. */
        database: found.database,
        statementTimeout: found.statement_timeout,
        // A pooler gives its clients process ids of its own, for cancel requests.
        isBehindPooler: found.pid !== connection.processId
      }
    })
  )

/**
 * Whether the pooler assigns sessions per transaction, and if so, whether prepared statements work on a different session. Tries
 * several times, because another client may get the session in between. Leaves nothing behind.
 */
const inspectPooler = (login: Login) =>
  Effect.scoped(
    Effect.gen(function* () {
      const [first, second] = [yield* connect(login), yield* connect(login)]
      for (let attempt = 0; attempt < 5; attempt++) {
        const session = yield* sessionOf(first)
        yield* second.query("begin", [], false)
        if ((yield* sessionOf(second)) === session) {
          // The first connection now gets another session, or none before the second one has finished.
          const reuse = yield* Effect.forkScoped(inTransaction(first, sessionOf(first)))
          const reused = yield* Effect.timeoutOption(Fiber.await(reuse), "1 second")
          yield* second.query("rollback", [], false)
          return { sharesSessions: true, keepsStatements: !Option.exists(reused, Exit.isFailure) }
        }
        yield* second.query("rollback", [], false)
      }
      return { sharesSessions: false, keepsStatements: true }
    }).pipe(
      Effect.catchIf(SqlError.isSqlError, (error) => Effect.fail(unusableBecause(login.address, error))),
      // A pooler with one session per client may have no session for the second connection.
      Effect.timeoutOrElse({
        duration: "5 seconds",
        orElse: () => Effect.succeed({ sharesSessions: false, keepsStatements: true })
      })
    )
  )

// In a transaction, because the client would otherwise retry a lost prepared statement.
const inTransaction = <A>(connection: PgConnection.PgConnection, statement: Effect.Effect<A, SqlError.SqlError>) =>
  Effect.andThen(connection.query("begin", [], false), statement).pipe(
    Effect.ensuring(Effect.ignore(connection.query("rollback", [], false)))
  )

const sessionOf = (connection: PgConnection.PgConnection) =>
  Effect.map(connection.query("select pg_backend_pid() as pid"), ({ rows }) => rows[0]?.["pid"])
