import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, type Effect } from "effect"

/** How each engine answers; the app that wires them provides it. */
export class Engines extends Context.Service<
  Engines,
  {
    /** Each fails within a second when its engine is out of reach. */
    readonly database: Effect.Effect<void, ServiceUnavailable>
    readonly cache: Effect.Effect<void, ServiceUnavailable>
    readonly broker: Effect.Effect<void, ServiceUnavailable>
  }
>()("@user-service/api/health/Engines") {}
