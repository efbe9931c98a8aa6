import { ByteSize, Context } from "effect"

/**
 * Whether the endpoint answers whatever host it is asked for, and over plain HTTP: machines ask it that know a process by
 * its address. Every other one refuses hosts that are not served.
 */
export const IsProbe = Context.Reference<boolean>("@user-service/schema/http/RouteFacts/IsProbe", {
  defaultValue: () => false
})

/** Whether a request waits for the hash of a password, which takes tens of milliseconds and waits in a queue. */
export const HashesPassword = Context.Reference<boolean>("@user-service/schema/http/RouteFacts/HashesPassword", {
  defaultValue: () => false
})

const defaultMaxBody = ByteSize.fromInputUnsafe("100 KiB")

/** The size of the largest body that the endpoint accepts. */
export const MaxBody = Context.Reference<ByteSize.ByteSize>("@user-service/schema/http/RouteFacts/MaxBody", {
  defaultValue: () => defaultMaxBody
})

/** The {@link MaxBody} of what other services call: a thousand recipients, or a thousand statuses, in one call. */
export const serviceMaxBody = ByteSize.fromInputUnsafe("2 MiB")
