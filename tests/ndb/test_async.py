"""Futures: in an event loop work starts at once; without one, when somebody asks or the context ends."""

import asyncio
import threading
import time

import pytest

from kindstore import ndb


class Post(ndb.Model):
    number = ndb.IntegerProperty()
    text = ndb.StringProperty()


def test_a_thousand_puts_and_gets_at_once(client: ndb.Client) -> None:
    async def main() -> list[Post]:
        async with client.context() as context:
            keys = await asyncio.gather(*(Post(number=number).put_async() for number in range(1000)))
            assert len(set(keys)) == 1000
            context.clear_cache()
            posts: list[Post] = await asyncio.gather(*(key.get_async() for key in keys))
            return posts

    found = asyncio.run(main())
    assert [post.number for post in found] == list(range(1000))


def test_work_starts_at_once_in_an_event_loop(client: ndb.Client) -> None:
    async def main() -> None:
        async with client.context():
            future = Post(id=1, number=1).put_async()
            done = asyncio.Event()
            future.add_done_callback(lambda _: done.set())
            await asyncio.wait_for(done.wait(), 10)
            assert future.result() == ndb.Key(Post, 1)

    asyncio.run(main())


def test_the_event_loop_goes_on_while_the_store_works(client: ndb.Client) -> None:
    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        async with client.context():
            ticking = asyncio.create_task(tick())
            await asyncio.gather(*(Post(number=number).put_async() for number in range(50)))
            ticking.cancel()
        return ticks

    assert asyncio.run(main()) > 5


def test_asking_in_the_loop_that_works_is_an_error_not_a_deadlock(client: ndb.Client) -> None:
    async def main() -> None:
        async with client.context():
            future = Post(number=1).put_async()
            with pytest.raises(RuntimeError, match="await it"):
                future.result()
            await future

    asyncio.run(main())


def test_another_thread_may_ask_for_the_result(client: ndb.Client) -> None:
    async def main() -> ndb.Key:
        async with client.context():
            future = Post(id=7).put_async()
            return await asyncio.to_thread(future.result)

    assert asyncio.run(main()).id() == 7


def test_leaving_the_context_waits_for_what_is_at_work(client: ndb.Client) -> None:
    async def main() -> None:
        async with client.context():
            for number in range(1, 20):
                Post(id=number).put_async()

    asyncio.run(main())
    with client.context():
        assert Post.query().count() == 19


def test_a_future_from_outside_can_be_awaited(context: ndb.Context) -> None:
    futures = [Post(id=number).put_async() for number in range(1, 4)]

    async def main() -> list[ndb.Key]:
        keys: list[ndb.Key] = await asyncio.gather(*futures)
        return keys

    assert asyncio.run(main()) == [ndb.Key(Post, number) for number in range(1, 4)]


def test_errors_come_with_the_result(context: ndb.Context) -> None:
    async def main() -> None:
        with pytest.raises(ndb.exceptions.BadKeyError):
            await ndb.Key(Post, None).get_async()

    asyncio.run(main())
    future = ndb.Key(Post, None).get_async()
    with pytest.raises(ndb.exceptions.BadKeyError):
        future.result()
    assert isinstance(future.exception(), ndb.exceptions.BadKeyError)


def test_without_a_loop_asking_does_the_work(context: ndb.Context) -> None:
    future = Post(id=1, number=1).put_async()
    assert future.result() == future.get_result() == ndb.Key(Post, 1)
    assert future.done()
    future.check_success()


def test_without_a_loop_leaving_the_context_does_the_work(client: ndb.Client) -> None:
    with client.context():
        future = Post(id=1, number=1).put_async()
    assert future.done()
    with client.context():
        assert Post.get_by_id(1) is not None


def test_what_is_written_is_what_it_was_when_it_was_asked_for(client: ndb.Client) -> None:
    with client.context():
        post = Post(id=1, number=1)
        future = post.put_async()
        post.number = 2
        future.check_success()
    with client.context():
        found = Post.get_by_id(1)
        assert found is not None
        assert found.number == 1


def test_flush_does_what_was_asked_for(context: ndb.Context) -> None:
    futures = [Post(id=number).put_async() for number in range(1, 4)]
    context.flush()
    assert all(future.done() for future in futures)
    assert Post.query().count() == 3


def test_many_can_be_waited_for(context: ndb.Context) -> None:
    futures = ndb.put_multi_async([Post(id=1), Post(id=2)])
    ndb.wait_all(futures)
    assert [future.result().id() for future in futures] == [1, 2]
    gets = ndb.get_multi_async([ndb.Key(Post, 1), ndb.Key(Post, 3)])
    assert ndb.wait_any(gets) is gets[0]
    assert gets[1].result() is None
    ndb.Future.wait_all(ndb.delete_multi_async([ndb.Key(Post, 1)]))
    assert ndb.Key(Post, 1).get_async().result() is None
    assert ndb.wait_any([]) is None


def test_every_call_has_its_twin(client: ndb.Client) -> None:
    async def main() -> None:
        async with client.context():
            post = await Post.get_or_insert_async("a", number=1)
            assert await Post.get_by_id_async("a") is post
            assert [key.kind() for key in await Post.allocate_ids_async(2)] == ["Post", "Post"]
            query = Post.query(Post.number == 1)
            assert await query.fetch_async() == [post]
            assert await query.fetch_async(keys_only=True) == [post.key]
            assert await query.get_async() is post
            assert await query.count_async() == 1
            assert (await query.fetch_page_async(5))[0] == [post]
            assert await query.map_async(lambda each: each.put_async()) == (post.key,)
            walk = query.iter()
            assert await walk.has_next_async()
            assert [each async for each in walk] == [post]
            keys = await asyncio.gather(*ndb.put_multi_async([Post(id=1), Post(id=2)]))
            assert await asyncio.gather(*ndb.get_multi_async(keys)) == await asyncio.gather(
                *(key.get_async() for key in keys)
            )
            await asyncio.gather(*ndb.delete_multi_async(keys))
            await post.key.delete_async()
            assert await Post.query().count_async() == 0

    asyncio.run(main())


def test_tasks_inherit_the_context_and_its_map(client: ndb.Client) -> None:
    async def main() -> None:
        async with client.context(namespace="mine"):
            post = Post(id=1)
            await post.put_async()

            async def look() -> Post | None:
                return await Post.get_by_id_async(1)

            assert await asyncio.create_task(look()) is post

    asyncio.run(main())


def test_two_gets_at_once_give_one_object(client: ndb.Client) -> None:
    with client.context():
        Post(id=1).put()

    async def main() -> None:
        async with client.context():
            one, other = await asyncio.gather(Post.get_by_id_async(1), Post.get_by_id_async(1))
            assert one is other

    asyncio.run(main())


def test_a_future_made_by_hand() -> None:
    future = ndb.Future[int]("by hand")
    called: list[int] = []
    future.add_done_callback(lambda done: called.append(done.result()))
    assert future.running()
    assert repr(future) == f"Future('by hand') <{id(future)}>"
    threading.Timer(0.02, future.set_result, [3]).start()
    started = time.monotonic()
    assert future.result() == 3
    assert time.monotonic() - started < 5
    assert called == [3]
    future.add_done_callback(lambda done: called.append(done.result() + 1))
    assert called == [3, 4]
    with pytest.raises(RuntimeError):
        future.set_result(4)
    assert "result: 3" in repr(future)


def test_waiting_for_what_nobody_can_complete_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    with pytest.raises(RuntimeError, match="set_result"):
        ndb.Future[int]().result()
    with pytest.raises(RuntimeError, match="set_result"):
        ndb.Future.wait_any([ndb.Future[int](), ndb.Future[int]()])
    with pytest.raises(RuntimeError, match="set_result"):
        ndb.Future.wait_all([ndb.Future[int]()])


def test_a_future_may_fail_or_be_cancelled(context: ndb.Context) -> None:
    failed = ndb.Future[int]()
    failed.set_exception(LookupError("no"))
    with pytest.raises(LookupError):
        failed.check_success()
    assert isinstance(failed.get_exception(), LookupError)
    cancelled = Post(id=1).put_async()
    cancelled.cancel()
    assert cancelled.cancelled()
    with pytest.raises(ndb.exceptions.Cancelled):
        cancelled.result()
    assert Post.get_by_id(1) is None


def test_leaving_the_context_does_not_mind_what_was_cancelled(client: ndb.Client) -> None:
    async def main() -> list[bool]:
        async with client.context():
            kept, cancelled = Post(id=1).put_async(), Post(id=2).put_async()
            cancelled.cancel()
        return [kept.cancelled(), cancelled.cancelled()]

    assert asyncio.run(main()) == [False, True]


def test_an_async_for_may_stop_early(client: ndb.Client) -> None:
    async def main() -> int:
        async with client.context():
            await asyncio.gather(*ndb.put_multi_async([Post(number=number) for number in range(200)]))
            count = 0
            async for _ in Post.query():
                count += 1
                if count == 60:
                    break
            return count

    assert asyncio.run(main()) == 60
