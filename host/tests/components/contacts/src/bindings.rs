//! The generated bindings of `wit/world.wit`.

task_host_sdk::bindings!({ path: "wit", world: "toys:contacts/contact-service" });
