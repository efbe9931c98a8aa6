import { Context } from "effect"

/** The settings of the relay of the outbox. */
export class RelaySettings extends Context.Service<
  RelaySettings,
  {
    /** The concurrent turns in this process: some wait for the database while others wait for the broker. */
    readonly turns: number
  }
>()("@user-service/worker/outbox/RelaySettings") {}
