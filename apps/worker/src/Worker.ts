import { userService } from "@user-service/broker/Topology"
import { Storage } from "@user-service/database/Storage"
import { Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import * as Collector from "./dead-letters/Collector.ts"
import * as DeadLetterMetrics from "./dead-letters/DeadLetterMetrics.ts"
import * as StatusConsumer from "./deliveries/StatusConsumer.ts"
import * as Jobs from "./jobs/Jobs.ts"
import * as OutboxMetrics from "./outbox/OutboxMetrics.ts"
import { publisherSettings } from "./outbox/Publications.ts"
import * as Relay from "./outbox/Relay.ts"

/** What a broker that the work is to be done on has to be told, whichever engine it is. */
export const brokerSettings = { topology: userService, ...publisherSettings }

/** All the work. The engines and the settings come from the program that does it. */
export const layer = Layer.mergeAll(
  Collector.layer,
  DeadLetterMetrics.layer,
  Jobs.layer,
  OutboxMetrics.layer,
  Relay.layer,
  StatusConsumer.layer
).pipe(Layer.provide([Digest.layerWebCrypto, SecureRandom.layerWebCrypto, Storage.layer]))
