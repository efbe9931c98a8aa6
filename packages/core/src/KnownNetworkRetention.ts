import { Duration } from "effect"

/** How long a network and a user agent stay known to an account that does not use them: see `KnownNetworks`. */
export const knownNetworkRetention = Duration.days(90)
