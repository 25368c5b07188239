-- What lies in the trash is compared with what is told of it by the serial that its place begins with.
CREATE INDEX "recovery_pointer_pair_id_serial_idx" ON "recovery_pointer" ("pair_id", "serial");
