import { ByteSize, Context } from "effect"

/**
 * Whether the endpoint answers for any host and over plain HTTP: load balancers and Prometheus address a process by its IP.
 * All other endpoints refuse hosts that are not served.
 */
export const IsProbe = Context.Reference<boolean>("@user-service/schema/http/RouteFacts/IsProbe", {
  defaultValue: () => false
})

/** Whether a request hashes a password, which takes tens of milliseconds and is queued. */
export const HashesPassword = Context.Reference<boolean>("@user-service/schema/http/RouteFacts/HashesPassword", {
  defaultValue: () => false
})

const defaultMaxBody = ByteSize.fromInputUnsafe("100 KiB")

/** The size of the largest body that the endpoint accepts. */
export const MaxBody = Context.Reference<ByteSize.ByteSize>("@user-service/schema/http/RouteFacts/MaxBody", {
  defaultValue: () => defaultMaxBody
})

/** The {@link MaxBody} of the service side: a thousand recipients, or a thousand statuses, in one call. */
export const serviceMaxBody = ByteSize.fromInputUnsafe("2 MiB")

/** The {@link MaxBody} of a form of a page. */
export const formMaxBody = ByteSize.fromInputUnsafe("16 KiB")
