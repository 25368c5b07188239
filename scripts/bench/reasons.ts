/** Reasons: why a target was missed, by workload, as the profiles told; printed beside the verdict. */

export const REASONS: Readonly<Record<string, string>> = {
  W1: 'a poll that runs while files are sent lists them before they are acknowledged; each is then looked at once more, a HEAD that the server answers instead of a PUT. Four processes, PostgreSQL and Redis share two cores with the server.',
  W2: 'each file is written beside its place, synced to the disk, linked and acknowledged, where peers only write it: about 4 ms of processor time a file beside the 5 that the server of the same two cores takes to answer.',
  W3: 'at small sizes the time is that of asking four processes to look, not of looking. Node with the libraries of a process takes about 130 MiB before it does anything.',
  W4: 'each file changed here costs a look before the PUT and a proof after it, each one changed upstream a look and a GET.',
  W5: 'a change passes the watcher or poller, the queue, the decider, the queue again and a transfer, with a statement or two in each. Beside a backlog both cores are busy with that, and each of these steps waits for its turn.',
  W6: 'up, the file is read once for its digest before it is sent. Of the processor time of the transfer a quarter makes digests, and another one is V8 collecting the buffers of what arrives, one for each read of the socket; rclone reads into one that it keeps.',
  W7: 'a quarter of what the watcher takes is to look at each folder every 15 s, whether it still is the one that was synced; the poller takes about half of the fleet, most of it on its way to PostgreSQL, Redis and the store: a request, a job and about eight statements a poll.',
  W8: 'by calculation from one and two processes, about 10 s of each run are shared by nobody: what comes before and after the transfers, at 50 ms an answer. Requests and processor time stay the same, and the profile shows transfers that wait.',
  W9: 'first contact writes each row twice, marked and acknowledged, and the dead versions stay in the file of the table until other rows take their place.',
  W10: 'a listing that may lag is no ground to call a name equal, so Swift is asked once for each of them (performance.md says why that was not given up).',
};
