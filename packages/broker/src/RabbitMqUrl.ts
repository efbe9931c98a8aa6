import { engineUrl, isUrlOf } from "@user-service/domain/EngineUrl"
import { Config, type Option, type Redacted } from "effect"

/** `RABBITMQ_URL`: `amqp://` or `amqps://`, with user, password and virtual host in it; none if not set. */
export const config: Config.Config<Option.Option<Redacted.Redacted<string>>> = Config.option(
  engineUrl("RABBITMQ_URL", { isValid: isUrlOf("amqp", "amqps"), form: "amqp://user:password@host:port" })
)
