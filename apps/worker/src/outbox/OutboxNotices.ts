import { outboxChannel } from "@user-service/core/changes/OutboxSignal"
import * as Notifications from "@user-service/database/Notifications"
import { Context, Effect, Layer } from "effect"

/** Wakes the relays when the outboxes have new rows. All relays share one connection that listens. */
export class OutboxNotices extends Context.Service<
  OutboxNotices,
  {
    /** Runs `wake` after each notice, until the process ends. It must not wait. */
    readonly subscribe: (wake: Effect.Effect<unknown>) => Effect.Effect<void>
  }
>()("@user-service/worker/outbox/OutboxNotices") {
  static readonly layer = Layer.effect(
    OutboxNotices,
    Effect.gen(function* () {
      const wakes: Array<Effect.Effect<unknown>> = []
      const wakeAll = Effect.suspend(() => Effect.all(wakes, { discard: true }))
      yield* Effect.forkScoped(Notifications.listen(outboxChannel, wakeAll))
      // The first turns of the relays need no notice, so one that precedes the subscription is not missed.
      return { subscribe: (wake) => Effect.sync(() => void wakes.push(wake)) }
    })
  )
}
