import { asyncApiDocument } from "@user-service/schema/amqp/AsyncApiDocument"
import { write } from "./DocumentFile.ts"

export const run = write(asyncApiDocument)
