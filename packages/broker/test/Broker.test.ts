import { Broker } from "@user-service/broker/Broker"
import { suite } from "@user-service/broker/testing/BrokerSuite"
import { Layer } from "effect"

suite("Broker.layerMemory", Layer.empty, (topology) => Broker.layerMemory({ topology }))
