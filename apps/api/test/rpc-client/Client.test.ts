import { suite } from "@user-service/rpc-client/testing/ClientSuite"
import { Layer } from "effect"
import { withGateway } from "../service-side/Callers.ts"
import * as TestApi from "../TestApi.ts"
import { layerClient, layerPeople } from "./Service.ts"

const layerService = TestApi.layerEmbedded(withGateway)

suite("with the service behind it", Layer.merge(layerClient, layerPeople).pipe(Layer.provideMerge(layerService)))
