import { Config, Context, Schema } from "effect"

/** The cost of password hashes, and limits for the work on passwords. */
export class PasswordSettings extends Context.Service<
  PasswordSettings,
  {
    /** bcrypt's cost: each step doubles the work. 4 to 16. */
    readonly cost: number
    /** How many hashes may wait for a thread, and how many estimates. More are refused. */
    readonly queueSize: number
    /** The number of hashing threads. One per core when absent. */
    readonly threads?: number | undefined
    /** How much the threads for passwords yield to other threads, 0 to 19, on Linux. 10 when absent. */
    readonly niceness?: number | undefined
  }
>()("@user-service/security/PasswordSettings") {
  /** `BCRYPT_COST` (10 to 15, 12) and `HASH_QUEUE_SIZE` (64). */
  static readonly config: Config.Config<PasswordSettings["Service"]> = Config.all({
    cost: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 10, maximum: 15 })), "BCRYPT_COST").pipe(
      Config.withDefault(12)
    ),
    queueSize: Config.schema(
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })),
      "HASH_QUEUE_SIZE"
    ).pipe(Config.withDefault(64))
  })
}
