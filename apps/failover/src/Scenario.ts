import type { Effect } from "effect"
import type { NotInTime } from "./engines/Machine.ts"
import type { Network } from "./engines/Network.ts"
import type { PostgresCluster } from "./engines/Patroni.ts"
import type { RabbitMqCluster } from "./engines/RabbitMq.ts"
import type { RedisNodes } from "./engines/Redis.ts"
import type { Service } from "./service/Service.ts"

/** What a fault acts on. */
export interface Installation {
  readonly postgres: PostgresCluster
  readonly rabbitmq: RabbitMqCluster
  readonly redis: RedisNodes
  readonly service: Service
  readonly network: Network
}

interface Consequences {
  /** Waits until the engine has recovered by its own means. Its time is the engine's own. */
  readonly recovery: Effect.Effect<void, NotInTime>
  /** Runs after the recovery and the first acknowledged write, such as the return of a frozen leader. */
  readonly after?: Effect.Effect<void, NotInTime>
}

/** A failure of engines or of instances under load, and what may come of it. */
export interface Scenario {
  readonly name: string
  /** In words, for the report. */
  readonly fault: string
  readonly expectation: string
  /** How Redis is replicated. By sentinels when absent. */
  readonly redis?: "sentinels" | "cluster"
  /** How the service reaches PostgreSQL. Through PgBouncer when absent. */
  readonly postgres?: "pooled" | "direct" | "several"
  /** Whether the second API and the second worker are those of an earlier commit. */
  readonly withOldVersion?: boolean
  /** Causes the fault, and returns what follows. The load continues until the end. */
  readonly cause: (installation: Installation) => Effect.Effect<Consequences, NotInTime>
  /** The largest permitted quotient of the time to the first acknowledged write and the engine's own time. */
  readonly within?: number
}
