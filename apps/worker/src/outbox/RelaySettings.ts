import { Context } from "effect"

/** How the relay of the outbox shares this process with the rest of the work. */
export class RelaySettings extends Context.Service<
  RelaySettings,
  {
    /** How many turns this process has at a time: some wait for the database while others wait for the broker. */
    readonly turns: number
  }
>()("@user-service/worker/outbox/RelaySettings") {}
