import { userService } from "@user-service/broker/Topology"
import { Storage } from "@user-service/database/Storage"
import { Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import * as SampleLoop from "./activity/SampleLoop.ts"
import * as Collector from "./dead-letters/Collector.ts"
import * as DeadLetterMetrics from "./dead-letters/DeadLetterMetrics.ts"
import * as ReplayLoop from "./dead-letters/ReplayLoop.ts"
import * as StatusConsumer from "./deliveries/StatusConsumer.ts"
import * as Jobs from "./jobs/Jobs.ts"
import * as MailMetrics from "./mails/MailMetrics.ts"
import * as MailRelay from "./mails/MailRelay.ts"
import * as OutboxMetrics from "./outbox/OutboxMetrics.ts"
import { OutboxNotices } from "./outbox/OutboxNotices.ts"
import { publisherSettings } from "./outbox/Publications.ts"
import * as Relay from "./outbox/Relay.ts"
import * as PasswordResetLoop from "./recovery/PasswordResetLoop.ts"
import * as PasswordResetMetrics from "./recovery/PasswordResetMetrics.ts"

/** The settings of the broker, RabbitMQ or in memory: the topology and the timeouts of the publisher. */
export const brokerSettings = { topology: userService, ...publisherSettings }

/** All background work: the relays, the consumers and the jobs. The program provides the engines and the settings. */
export const layer = Layer.mergeAll(
  Collector.layer,
  DeadLetterMetrics.layer,
  Jobs.layer,
  MailMetrics.layer,
  MailRelay.layer,
  OutboxMetrics.layer,
  PasswordResetLoop.layer,
  PasswordResetMetrics.layer,
  Relay.layer,
  ReplayLoop.layer,
  SampleLoop.layer,
  StatusConsumer.layer
).pipe(Layer.provide([Digest.layerWebCrypto, OutboxNotices.layer, SecureRandom.layerWebCrypto, Storage.layer]))
